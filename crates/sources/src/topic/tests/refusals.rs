//! What topics refuse, in the words of the service.

use super::*;

#[test]
fn attributes_of_messages_are_refused_in_the_words_of_the_service() {
    let topic = Topic {
        name: "t".to_owned(),
        uid: String::new(),
        attributes: BTreeMap::new(),
        tags: BTreeMap::new(),
        subscriptions_deleted: 0,
        archived_since: None,
        created: Timestamp(0),
    };
    let long = "a".repeat(257);
    for (name, kind, value, reason) in [
        (long.as_str(), "String", "v", "Length of message attribute name must be less than 256 bytes."),
        (
            "a^b",
            "String",
            "v",
            "Invalid non-alphanumeric character '#x5E' was found in the message attribute name.",
        ),
        (".a", "String", "v", "Invalid message attribute name starting with character '.' was found."),
        ("a.", "String", "v", "Invalid message attribute name ending with character '.' was found."),
        ("a..b", "String", "v", "Message attribute name can not have successive '.' character."),
        ("a", "String.", "v", "The message attribute 'a' has an invalid message attribute type"),
        ("a", "Stringy", "v", "The message attribute 'a' has an invalid message attribute type"),
        ("a", "String", "", "The message attribute 'a' must contain non-empty message attribute value"),
    ] {
        let attributes = [(name.to_owned(), attribute(kind, value))].into();
        let message = TopicMessage { attributes, ..message("m") };
        let refused = message.accept(&topic, String::new(), Timestamp(0)).expect_err(reason).to_string();
        assert!(refused.starts_with(reason), "{refused}");
    }
}

#[tokio::test]
async fn a_batch_is_refused_whole_for_what_is_wrong_with_one_of_it() {
    let world = World::new().await;
    world.topics.create("t", BTreeMap::new(), BTreeMap::new()).await.expect("made");
    let entries = vec![("a".to_owned(), message("m")), ("b".to_owned(), message(""))];
    let refused = world.topics.publish_batch(TOPIC, entries).await.expect_err("an empty message");
    assert_eq!(refused.to_string(), "Invalid parameter: Empty message");
    world.topics.create("t.fifo", texts(&[("FifoTopic", "true")]), BTreeMap::new()).await.expect("made");
    let structured = TopicMessage { structure: Some("json".to_owned()), ..message("{}") };
    for (message, reason) in [
        (structured, "Message Structure - No default entry in JSON message body"),
        (message("m"), "The MessageGroupId parameter is required for FIFO topics"),
    ] {
        let entries = vec![("a".to_owned(), message)];
        let refused = world.topics.publish_batch(&format!("{TOPIC}.fifo"), entries).await.expect_err(reason);
        assert_eq!(refused.to_string(), format!("Invalid parameter: {reason}"));
    }
    let long = "x".repeat(81);
    for (id, reason) in [
        ("a.b", "The Id of a batch entry in the batch request contains an impermissible character: a.b"),
        (long.as_str(), "The Id of a batch entry in the batch request is too long: xxxx"),
    ] {
        let entries = vec![(id.to_owned(), message("m"))];
        let refused = world.topics.publish_batch(TOPIC, entries).await.expect_err(reason).to_string();
        assert!(refused.starts_with(reason), "{refused}");
    }
    let attributes = texts(&[("RawMessageDelivery", "maybe")]);
    let new = NewSubscription {
        protocol: Protocol::Sqs,
        endpoint: "arn:aws:sqs:us-east-1:000000000000:q".to_owned(),
        attributes,
        principal: String::new(),
    };
    let refused = world.topics.subscribe(TOPIC, new).await.expect_err("no boolean").to_string();
    let reason = "RawMessageDelivery: Invalid value [maybe]. Must be true or false.";
    assert_eq!(refused, format!("Invalid parameter: Attributes Reason: {reason}"));
    let arn = world.subscribe(TOPIC, Protocol::Sqs, "arn:aws:sqs:us-east-1:000000000000:q", &[]).await;
    let refused = world.topics.set_subscription_attribute(&arn, "RawMessageDelivery", "maybe").await;
    assert_eq!(refused.expect_err("no boolean").to_string(), format!("Invalid parameter: {reason}"));
    let refused = world.topics.confirm(TOPIC, "no token", true, false).await.expect_err("a token");
    assert_eq!(refused.to_string(), "Invalid token");
    let refused = world.topics.confirm(&format!("{TOPIC}x"), "ab12", true, false).await.expect_err("a topic");
    assert_eq!(refused.to_string(), "Invalid parameter: Token");
    world.stop().await;
}
