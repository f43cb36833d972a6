//! What is known of each type of resource: its properties, and which of them cannot be changed.

mod apis;
mod functions;
mod services;

use ebb_model::RuntimeName;
use serde_json::Value as Json;

use super::super::Inner;
use super::properties::Properties;
use super::{Made, Message, Wanted};

/// A type of resource.
struct Kind {
    name: &'static str,
    /// Properties that must be there.
    required: &'static [&'static str],
    /// Properties that may be there.
    optional: &'static [&'static str],
    /// Properties whose change needs another resource in its place; `*` for all.
    replacing: &'static [&'static str],
    /// The property that holds its name, and is its physical id.
    named: Option<&'static str>,
}

pub(in super::super) const FUNCTION: &str = "AWS::Lambda::Function";
const CUSTOM: &str = "AWS::CloudFormation::CustomResource";

/// Whether a function of the template's own makes it.
pub(in super::super) fn is_custom(kind: &str) -> bool {
    kind == CUSTOM || kind.starts_with("Custom::")
}

fn find(name: &str) -> Option<&'static Kind> {
    let all = [functions::FUNCTIONS, services::SERVICES, apis::APIS];
    let name = if is_custom(name) { CUSTOM } else { name };
    all.into_iter().flatten().find(|kind| kind.name == name)
}

pub(in super::super) fn is_supported(kind: &str) -> bool {
    find(kind).is_some()
}

/// Whether it has code that the client packs.
pub(in super::super) fn has_code(kind: &str) -> bool {
    kind == FUNCTION || kind == "AWS::Lambda::LayerVersion"
}

/// Whether these changes need another resource in its place.
pub(in super::super) fn replaces(kind: &str, changed: &[String]) -> bool {
    let fixed = find(kind).map(|kind| kind.replacing).unwrap_or_default();
    fixed.contains(&"*") || changed.iter().any(|property| fixed.contains(&property.as_str()))
}

pub(super) fn name_property(kind: &str) -> Option<&'static str> {
    find(kind).and_then(|kind| kind.named)
}

/// Refuses what can be refused before anything is changed.
pub(in super::super) fn check(kind: &str, logical: &str, properties: &Json) -> Result<(), Message> {
    let Some(known) = find(kind) else { return Err(format!("ebb has no resources of type {kind}")) };
    let own = Properties::of(properties);
    let is_known =
        |name: &String| known.required.contains(&name.as_str()) || known.optional.contains(&name.as_str());
    if let Some(unknown) = own.keys().find(|name| !is_known(name) && !is_custom(kind)) {
        return Err(format!("{logical}: {kind} has no property {unknown} in ebb"));
    }
    if let Some(missing) = known.required.iter().find(|name| own.get(name).is_none()) {
        return Err(format!("{logical}: {kind} needs the property {missing}"));
    }
    if kind == FUNCTION
        && let Some(runtime) = own.text("Runtime")
        && runtime != super::super::world::UNKNOWN
        && RuntimeName::parse(&runtime).is_err()
    {
        return Err(format!("{logical}: {}", not_a_runtime(&runtime)));
    }
    if kind == FUNCTION && own.get("Runtime").is_none() && own.text("PackageType").as_deref() != Some("Image")
    {
        return Err(format!(
            "{logical}: it names no Runtime, which every function needs that is no container image"
        ));
    }
    if kind == FUNCTION && own.text("PackageType").as_deref() == Some("Image") {
        return Err(format!(
            "{logical}: functions from container images are not built yet in ebb (PackageType Image)"
        ));
    }
    Ok(())
}

/// Why a function cannot have a runtime of this name.
pub(crate) fn not_a_runtime(name: &str) -> String {
    let families = ["nodejs", "python", "java", "dotnet", "ruby", "go1", "provided"];
    match families.iter().any(|family| name.starts_with(family)) {
        true if name.starts_with("dotnet") => format!(
            "ebb has no runtime {name}: publish the function as a program of its own, named bootstrap (AWS documents it \
             as native AOT), for the runtime provided.al2023"
        ),
        true => format!("ebb has no runtime {name}"),
        false => format!("{name} is no runtime of Lambda"),
    }
}

/// A resource that is only kept.
pub(super) fn stored(inner: &Inner, wanted: &Wanted<'_>) -> Made {
    let account = inner.services.catalog.account();
    let path = wanted.properties().text("Path").unwrap_or_else(|| "/".to_owned());
    match wanted.kind {
        "AWS::IAM::InstanceProfile" => {
            let name = wanted.named("InstanceProfileName");
            let arn = format!("arn:aws:iam::{account}:instance-profile{path}{name}");
            Made::new(name, [("Arn", arn)])
        }
        "AWS::ECR::Repository" => {
            let (name, region) = (wanted.named("RepositoryName"), inner.services.catalog.region());
            let arn = format!("arn:aws:ecr:{region}:{account}:repository/{name}");
            let uri = format!("{account}.dkr.ecr.{region}.amazonaws.com/{name}");
            Made::new(name, [("Arn", arn), ("RepositoryUri", uri)])
        }
        _ => Made::new(wanted.name.clone(), []),
    }
}
