//! The older query protocol of the service: how its lists and maps are called there.

use crate::wire::{Input, Output, QueryShapes};

const fn list(form: &'static str, member: &'static str) -> Input {
    Input { form, member, map: None }
}

const fn map(form: &'static str, member: &'static str, names: (&'static str, &'static str)) -> Input {
    Input { form, member, map: Some(names) }
}

const fn each(member: &'static str, element: &'static str) -> Output {
    Output { operation: None, member, wrapper: None, element, map: None }
}

const fn entries(member: &'static str, element: &'static str, names: (&'static str, &'static str)) -> Output {
    Output { operation: None, member, wrapper: None, element, map: Some(names) }
}

const fn of(operation: &'static str, member: &'static str, element: &'static str) -> Output {
    Output { operation: Some(operation), member, wrapper: None, element, map: None }
}

/// Source: the public model of SQS before its JSON protocol (`sqs/2012-11-05`, 2023).
pub(super) const SHAPES: QueryShapes = QueryShapes {
    namespace: "http://queue.amazonaws.com/doc/2012-11-05/",
    inputs: &[
        list("AttributeName", "AttributeNames"),
        list("MessageAttributeName", "MessageAttributeNames"),
        list("MessageSystemAttributeName", "MessageSystemAttributeNames"),
        map("Attribute", "Attributes", ("Name", "Value")),
        map("MessageAttribute", "MessageAttributes", ("Name", "Value")),
        map("MessageSystemAttribute", "MessageSystemAttributes", ("Name", "Value")),
        map("Tag", "Tags", ("Key", "Value")),
        list("TagKey", "TagKeys"),
        list("AWSAccountId", "AWSAccountIds"),
        list("ActionName", "Actions"),
        list("SendMessageBatchRequestEntry", "Entries"),
        list("DeleteMessageBatchRequestEntry", "Entries"),
        list("ChangeMessageVisibilityBatchRequestEntry", "Entries"),
    ],
    outputs: &[
        each("QueueUrls", "QueueUrl"),
        each("queueUrls", "QueueUrl"),
        each("Messages", "Message"),
        each("Failed", "BatchResultErrorEntry"),
        each("Results", "Result"),
        of("SendMessageBatch", "Successful", "SendMessageBatchResultEntry"),
        of("DeleteMessageBatch", "Successful", "DeleteMessageBatchResultEntry"),
        of("ChangeMessageVisibilityBatch", "Successful", "ChangeMessageVisibilityBatchResultEntry"),
        entries("Attributes", "Attribute", ("Name", "Value")),
        entries("MessageAttributes", "MessageAttribute", ("Name", "Value")),
        entries("Tags", "Tag", ("Key", "Value")),
    ],
};
