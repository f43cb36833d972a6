//! The forms and the XML of the service: how its lists and maps are called.

use crate::wire::{Input, Output, QueryShapes};

const fn list(form: &'static str) -> Input {
    Input { form, member: form, map: None }
}

const fn map(form: &'static str, names: (&'static str, &'static str)) -> Input {
    Input { form, member: form, map: Some(names) }
}

const fn members(member: &'static str) -> Output {
    Output { operation: None, member, wrapper: Some(member), element: "member", map: None }
}

/// Source: the public model of SNS (`sns/2010-03-31`, 2026-11).
pub(super) const SHAPES: QueryShapes = QueryShapes {
    namespace: "http://sns.amazonaws.com/doc/2010-03-31/",
    inputs: &[
        map("Attributes", ("key", "value")),
        map("MessageAttributes", ("Name", "Value")),
        list("Tags"),
        list("TagKeys"),
        list("AWSAccountId"),
        list("ActionName"),
        list("PublishBatchRequestEntries"),
    ],
    outputs: &[
        members("Topics"),
        members("Subscriptions"),
        members("Tags"),
        members("Successful"),
        members("Failed"),
        Output {
            operation: None,
            member: "Attributes",
            wrapper: Some("Attributes"),
            element: "entry",
            map: Some(("key", "value")),
        },
    ],
};
