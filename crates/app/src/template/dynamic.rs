//! Dynamic references: texts that stand for values of the parameter store, as in `{{resolve:ssm:/shop/url:2}}`.
//!
//! Source: CloudFormation user guide, "Get values stored in other services using dynamic references" (2026-11).

use serde_json::Value as Json;

const BEGIN: &str = "{{resolve:";
const END: &str = "}}";

/// Reads the parameter store: the name, and the version where one is asked for.
pub(crate) type Stored<'a> = &'a dyn Fn(&str, Option<u64>) -> Option<String>;

/// Replaces all references in a value.
///
/// # Errors
/// What is wrong with the first that cannot be.
pub(crate) fn resolve(value: &mut Json, stored: Stored<'_>) -> Result<(), String> {
    match value {
        Json::String(text) if text.contains(BEGIN) => {
            *text = resolved(text, stored)?;
            Ok(())
        }
        Json::Array(items) => items.iter_mut().try_for_each(|item| resolve(item, stored)),
        Json::Object(entries) => entries.values_mut().try_for_each(|entry| resolve(entry, stored)),
        _ => Ok(()),
    }
}

fn resolved(text: &str, stored: Stored<'_>) -> Result<String, String> {
    let (mut done, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(BEGIN) {
        let reference = &rest[at + BEGIN.len()..];
        let end =
            reference.find(END).ok_or_else(|| format!("{text} is no dynamic reference: }}}} is missing"))?;
        done.push_str(&rest[..at]);
        done.push_str(&value_of(&reference[..end], stored)?);
        rest = &reference[end + END.len()..];
    }
    done.push_str(rest);
    Ok(done)
}

fn value_of(reference: &str, stored: Stored<'_>) -> Result<String, String> {
    let (service, name) = reference.split_once(':').unwrap_or((reference, ""));
    if !["ssm", "ssm-secure"].contains(&service) {
        return Err(format!(
            "dynamic references of {service} are not built yet in ebb: {{{{resolve:{reference}}}}}"
        ));
    }
    let (name, version) = match name.rsplit_once(':') {
        Some((name, version)) => match version.parse() {
            Ok(version) => (name, Some(version)),
            Err(_) => {
                return Err(format!("{version} is no version of a parameter: {{{{resolve:{reference}}}}}"));
            }
        },
        None => (name, None),
    };
    stored(name, version)
        .ok_or_else(|| format!("Parameters: [{reference}] cannot be found in the parameter store."))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_replaced_wherever_they_are() {
        let stored = |name: &str, version: Option<u64>| match (name, version) {
            ("/a", None | Some(2)) => Some("new".to_owned()),
            ("/a", Some(1)) => Some("old".to_owned()),
            _ => None,
        };
        let mut value = json!({ "x": ["{{resolve:ssm:/a}}-{{resolve:ssm:/a:1}}!", 5], "y": "{{plain}}" });
        resolve(&mut value, &stored).unwrap();
        assert_eq!(value, json!({ "x": ["new-old!", 5], "y": "{{plain}}" }));
        for (text, words) in [
            ("{{resolve:ssm:/b}}", "cannot be found"),
            ("{{resolve:ssm:/a:3}}", "cannot be found"),
            ("{{resolve:ssm:/a:x}}", "no version"),
            ("{{resolve:secretsmanager:s:SecretString:k}}", "secretsmanager are not built"),
            ("{{resolve:ssm:/a", "is missing"),
        ] {
            let said = resolve(&mut json!(text), &stored).unwrap_err();
            assert!(said.contains(words), "{said}");
        }
    }
}
