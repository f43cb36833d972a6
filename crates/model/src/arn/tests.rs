use proptest::prelude::*;

use super::*;

/// Shows what a text names as `NAME QUALIFIER ACCOUNT REGION`, with a dot for what it does not say.
fn check(text: &str, expected: &str) {
    let part = |part: Option<String>| part.unwrap_or_else(|| ".".to_owned());
    let shown = FunctionReference::parse(text).map_or_else(
        |_| "nothing".to_owned(),
        |read| {
            let qualifier = part(read.qualifier.map(|qualifier| qualifier.to_string()));
            let account = part(read.account.map(|account| account.to_string()));
            let region = part(read.region.map(|region| region.to_string()));
            format!("{} {qualifier} {account} {region}", read.name)
        },
    );
    assert_eq!(shown, expected, "{text}");
}

#[test]
fn functions_are_named_in_every_documented_form() {
    check("f", "f . . .");
    check("f:1", "f 1 . .");
    check("f:$LATEST", "f $LATEST . .");
    check("function:f", "f . . .");
    check("function:f:live", "f live . .");
    check("function", "function . . .");
    check("000000000000:function:f", "f . 000000000000 .");
    check("000000000000:function:f:live", "f live 000000000000 .");
    check("000000000000:f", "f . 000000000000 .");
    check("000000000000:f:live", "f live 000000000000 .");
    check("us-east-1:000000000000:function:f:1", "f 1 000000000000 us-east-1");
    check("arn:aws:lambda:us-east-1:000000000000:function:f", "f . 000000000000 us-east-1");
    check("arn:aws:lambda:us-east-1:000000000000:function:f:1", "f 1 000000000000 us-east-1");
    check("arn:aws-cn:lambda:cn-north-1:000000000000:function:f", "f . 000000000000 cn-north-1");
}

#[test]
fn anything_else_names_nothing() {
    for text in [
        "",
        ":",
        "f:",
        "a b",
        "f:1:2",
        "f!",
        "account:function:f",
        "arn:aws:ec2:us-east-1:000000000000:instance:i",
        "arn:aws:lambda:us-east-1:000000000000:layer:l",
        "arn:aws:lambda:us-east-1:000000000000:function:f:1:2",
        "arn:aws:lambda:us-east-1::function:f",
    ] {
        check(text, "nothing");
    }
}

#[test]
fn a_second_qualifier_must_be_the_same() {
    for (reference, given, expected) in [
        ("f", None, Ok(None)),
        ("f", Some("1"), Ok(Some("1"))),
        ("f:1", None, Ok(Some("1"))),
        ("f:1", Some("1"), Ok(Some("1"))),
        ("f:1", Some("2"), Err(InvalidReference::QualifierMismatch)),
        ("f:live", Some("$LATEST"), Err(InvalidReference::QualifierMismatch)),
    ] {
        let qualifier = |text: &str| Qualifier::parse(text).unwrap();
        let result = FunctionReference::parse(reference).unwrap().with_qualifier(given.map(qualifier));
        assert_eq!(
            result.map(|read| read.qualifier),
            expected.map(|text| text.map(qualifier)),
            "{reference} {given:?}"
        );
    }
}

#[test]
fn layers_are_named_by_arn() {
    let layer = "arn:aws:lambda:us-east-1:000000000000:layer:l";
    assert_eq!(LayerArn::parse(layer).unwrap().to_string(), layer);
    let version = format!("{layer}:7");
    assert_eq!(LayerVersionArn::parse(&version).unwrap().version, 7);
    for text in [
        layer,
        "l:7",
        "arn:aws:lambda:us-east-1:000000000000:layer:l:x",
        "arn:aws:lambda:us-east-1:0:layer:l:1",
    ] {
        assert!(LayerVersionArn::parse(text).is_err(), "{text}");
    }
}

prop_compose! {
    fn any_qualifier()(text in r"\$LATEST|[1-9][0-9]{0,8}|[a-zA-Z_-][a-zA-Z0-9_-]{0,127}") -> Qualifier {
        Qualifier::parse(&text).unwrap()
    }
}

prop_compose! {
    fn any_arn()(
        name in "[a-zA-Z0-9_-]{1,64}",
        region in "[a-z]{2}-[a-z]{4,9}-[1-9]",
        account in "[0-9]{12}",
        qualifier in proptest::option::of(any_qualifier()),
    ) -> FunctionArn {
        FunctionArn {
            region: Region::parse(&region).unwrap(),
            account: AccountId::parse(&account).unwrap(),
            name: FunctionName::parse(&name).unwrap(),
            qualifier,
        }
    }
}

proptest! {
    #[test]
    fn an_arn_that_was_written_is_read_back(arn in any_arn()) {
        let read = FunctionReference::parse(&arn.to_string()).unwrap();
        prop_assert_eq!(&read.name, &arn.name);
        prop_assert_eq!(&read.qualifier, &arn.qualifier);
        prop_assert_eq!(read.account.as_ref(), Some(&arn.account));
        prop_assert_eq!(read.region.as_ref(), Some(&arn.region));
    }

    #[test]
    fn what_is_read_has_valid_parts(text in ".{0,80}") {
        if let Ok(read) = FunctionReference::parse(&text) {
            prop_assert!(FunctionName::parse(read.name.as_str()).is_ok());
            prop_assert!(text.contains(read.name.as_str()));
        }
    }

    #[test]
    fn layer_versions_are_read_back(name in "[a-zA-Z0-9_-]{1,140}", version in 1_u64..) {
        let text = format!("arn:aws:lambda:us-east-1:000000000000:layer:{name}:{version}");
        prop_assert_eq!(LayerVersionArn::parse(&text).unwrap().to_string(), text);
    }
}
