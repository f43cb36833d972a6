//! Layers and their policies.

use super::*;

fn layer(name: &str, runtime: &str) -> NewLayerVersion {
    NewLayerVersion {
        name: name.to_owned(),
        content: Some(CodeSource::Zip(zip(&[("python/shared.py", "")]))),
        description: String::new(),
        license: None,
        compatible_runtimes: vec![runtime.to_owned()],
        compatible_architectures: Vec::new(),
    }
}

fn with_layers(arns: &[String]) -> NewFunction {
    let settings = SettingsInput { layers: Some(arns.to_vec()), ..input() };
    NewFunction { settings, ..new_function("f") }
}

const LAYER: &str = "arn:aws:lambda:us-east-1:000000000000:layer";

#[tokio::test]
async fn versions_of_a_layer_count_up_and_are_not_given_again() {
    let fixture = Fixture::new().await;
    let catalog = &fixture.catalog;
    for expected in 1..=2 {
        assert_eq!(catalog.publish_layer(layer("l", "python3.11")).await.unwrap().arn.version, expected);
    }
    catalog.delete_layer_version("l", 2).await.unwrap();
    catalog.delete_layer_version("l", 2).await.unwrap();
    let fixture = fixture.reopened().await;
    let catalog = &fixture.catalog;
    let third = catalog.publish_layer(layer(&format!("{LAYER}:l"), "nodejs20.x")).await.unwrap();
    assert_eq!(third.arn.to_string(), format!("{LAYER}:l:3"));
    assert_eq!(catalog.layer_version_by_arn(&format!("{LAYER}:l:3")).unwrap(), third);
    let numbers = |runtime| {
        let found = catalog.layer_versions("l", runtime, None).unwrap();
        found.iter().map(|version| version.arn.version).collect::<Vec<_>>()
    };
    assert_eq!((numbers(None), numbers(Some("python3.11"))), (vec![3, 1], vec![1]));
    assert!(catalog.layer_versions("none", None, None).unwrap().is_empty());
    let gone = "NotFound: The resource you requested does not exist.";
    assert_eq!(shown(catalog.layer_version("l", 2)), gone);
    assert_eq!(shown(catalog.layer_version("l", 0)), "InvalidParameter: Layer Version Cannot be less than 1");
}

#[tokio::test]
async fn functions_name_layers_that_exist_once_each() {
    let fixture = Fixture::new().await;
    for name in ["a", "a", "b", "c", "d", "e", "g"] {
        fixture.catalog.publish_layer(layer(name, "python3.11")).await.unwrap();
    }
    let arns = |names: &[&str]| names.iter().map(|name| format!("{LAYER}:{name}")).collect::<Vec<_>>();
    let twice = format!(
        "InvalidParameter: Two different versions of the same layer are not allowed to be referenced in the same \
         function. {LAYER}:a:1 and {LAYER}:a:2 are versions of the same layer."
    );
    for (names, expected) in [
        (arns(&["a:1", "b:1"]), "ok".to_owned()),
        (arns(&["a:1", "a:2"]), twice),
        (arns(&["a:9"]), format!("InvalidParameter: Layer version {LAYER}:a:9 does not exist.")),
        (arns(&["a:1", "b:1", "c:1", "d:1", "e:1", "g:1"]), "InvalidParameter: Cannot reference more than 5 layers.".into()),
        (
            vec!["arn:aws:lambda:eu-west-1:000000000000:layer:a:1".into()],
            "InvalidParameter: Layers are not in the same region as the function. Layers are expected to be in region us-east-1.".into(),
        ),
    ] {
        let result = fixture.catalog.create(with_layers(&names)).await;
        assert_eq!(shown(result), expected, "{names:?}");
        let _ = fixture.catalog.delete(&fixture.at("f")).await;
    }
    let malformed = shown(fixture.catalog.create(with_layers(&arns(&["a"]))).await);
    assert!(
        malformed.starts_with(&format!(
            "Validation: 1 validation error detected: Value '[{LAYER}:a]' at 'layers'"
        ))
    );
}

#[tokio::test]
async fn a_function_keeps_a_layer_that_is_deleted() {
    let fixture = Fixture::new().await;
    fixture.catalog.publish_layer(layer("l", "python3.11")).await.unwrap();
    fixture.catalog.create(with_layers(&[format!("{LAYER}:l:1")])).await.unwrap();
    fixture.catalog.delete_layer_version("l", 1).await.unwrap();
    let latest = fixture.catalog.ready(&fixture.get("f").latest).await.unwrap();
    assert_eq!(latest.settings.layers.len(), 1);
}

#[tokio::test]
async fn layer_policies_are_guarded_like_those_of_functions() {
    let fixture = Fixture::new().await;
    let catalog = &fixture.catalog;
    catalog.publish_layer(layer("l", "python3.11")).await.unwrap();
    let grant = |id: &str, revision: Option<&str>| NewPermission {
        statement_id: id.to_owned(),
        action: "lambda:GetLayerVersion".to_owned(),
        principal: "*".to_owned(),
        revision: revision.map(str::to_owned),
        ..NewPermission::default()
    };
    let nothing = "NotFound: No policy is associated with the given resource.";
    assert_eq!(shown(catalog.layer_policy("l", 1)), nothing);
    let (statement, revision) = catalog.add_layer_permission("l", 1, &grant("s1", None)).await.unwrap();
    assert_eq!(statement.resource, format!("{LAYER}:l:1"));
    assert_eq!(catalog.layer_policy("l", 1).unwrap().revision, revision);
    let stale = "StaleRevision: The Revision Id provided does not match the latest Revision Id. Call the GetLayerPolicy \
                 API to retrieve the latest Revision Id";
    assert_eq!(shown(catalog.add_layer_permission("l", 1, &grant("s2", Some("wrong"))).await), stale);
    assert_eq!(shown(catalog.remove_layer_permission("l", 1, "s1", Some("wrong")).await), stale);
    let missing = format!("NotFound: Layer version {LAYER}:l:2 does not exist.");
    assert_eq!(shown(catalog.add_layer_permission("l", 2, &grant("s1", None)).await), missing);
    let none = "NotFound: Statement none is not found in resource policy.";
    assert_eq!(shown(catalog.remove_layer_permission("l", 1, "none", None).await), none);
    assert_eq!(shown(catalog.remove_layer_permission("l", 1, "s1", None).await), "ok");
    let action = "Validation: 1 validation error detected: Value '*' at 'action' failed to satisfy constraint: Member \
                  must satisfy regular expression pattern: lambda:GetLayerVersion";
    let other = NewPermission { action: "*".into(), ..grant("s1", None) };
    assert_eq!(shown(catalog.add_layer_permission("l", 1, &other).await), action);
}
