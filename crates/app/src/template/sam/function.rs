//! `AWS::Serverless::Function`.

use serde_json::{Map, Value as Json, json};

use super::super::node::{Entry, Fault, Node};
use super::{Output, arn_of, events, hash, kept_attributes, reference};

/// Properties that a Lambda function has under the same name.
const SAME: &[&str] = &[
    "Runtime",
    "Handler",
    "FunctionName",
    "Description",
    "MemorySize",
    "Timeout",
    "Environment",
    "Layers",
    "Architectures",
    "EphemeralStorage",
    "ReservedConcurrentExecutions",
    "VpcConfig",
    "KmsKeyArn",
    "PackageType",
    "ImageConfig",
    "FileSystemConfigs",
    "CodeSigningConfigArn",
    "SnapStart",
    "LoggingConfig",
    "RuntimeManagementConfig",
    "RecursiveLoop",
    "Role",
];

/// Properties that the transform acts on.
const OTHERS: &[&str] = &[
    "CodeUri",
    "InlineCode",
    "ImageUri",
    "Tracing",
    "DeadLetterQueue",
    "Tags",
    "Policies",
    "PermissionsBoundary",
    "RolePath",
    "AssumeRolePolicyDocument",
    "Events",
    "AutoPublishAlias",
    "AutoPublishAliasAllProperties",
    "AutoPublishCodeSha256",
    "VersionDescription",
    "VersionDeletionPolicy",
    "ProvisionedConcurrencyConfig",
    "FunctionUrlConfig",
    "EventInvokeConfig",
    "PropagateTags",
];

pub(super) fn transform(
    entry: &Entry,
    code: &dyn Fn(&str) -> String,
    output: &mut Output,
) -> Result<(), Fault> {
    let (logical, line) = (entry.key.as_str(), entry.line);
    let nothing = Node::map(line, []);
    let own = entry.value.get("Properties").unwrap_or(&nothing);
    let known = |one: &&Entry| SAME.contains(&one.key.as_str()) || OTHERS.contains(&one.key.as_str());
    if let Some(unknown) = own.entries().iter().find(|one| !known(one)) {
        return Err(Fault::new(unknown.line, format!("{logical} has no property {} in ebb", unknown.key)));
    }
    let mut properties = Node::map(line, []);
    properties.set("Code", Node::from_json(line, code_of(logical, own)));
    for name in SAME {
        if let Some(node) = own.get(name) {
            properties.set(name, node.clone());
        }
    }
    if let Some(node) = own.get("Tracing")
        && node.as_str() != Some("Disabled")
    {
        properties.set("TracingConfig", Node::map(line, [("Mode", node.clone())]));
    }
    if let Some(target) = own.get("DeadLetterQueue").and_then(|queue| queue.get("TargetArn")) {
        properties.set("DeadLetterConfig", Node::map(line, [("TargetArn", target.clone())]));
    }
    properties.set("Tags", Node::from_json(line, tags(own)));
    if own.get("Role").is_none() {
        let role = format!("{logical}Role");
        output.add_node(&role, line, role_resource(entry, own)?);
        properties.set("Role", Node::from_json(line, arn_of(&role)));
    }
    let mut function = Node::map(
        line,
        [("Type", Node::text(line, "AWS::Lambda::Function")), ("Properties", properties.clone())],
    );
    let attributes = ["Condition", "DependsOn", "Metadata", "DeletionPolicy", "UpdateReplacePolicy"];
    kept_attributes(entry, &mut function, &attributes);
    output.add_node(logical, line, function);
    let alias = published(entry, own, &properties, code, output);
    function_url(entry, own, alias.as_deref(), output);
    event_invoke(entry, own, alias.as_deref(), output)?;
    let target = events::Target {
        logical: logical.to_owned(),
        arn: alias.as_ref().map_or_else(|| arn_of(logical), |alias| reference(alias)),
        name: alias.as_ref().map_or_else(|| reference(logical), |alias| reference(alias)),
        condition: entry.value.get("Condition").cloned(),
    };
    for event in own.get("Events").into_iter().flat_map(Node::entries) {
        events::transform(&target, event, output)?;
    }
    Ok(())
}

fn code_of(logical: &str, own: &Node) -> Json {
    if let Some(text) = own.get("InlineCode") {
        return json!({ "ZipFile": text.to_json() });
    }
    if let Some(image) = own.get("ImageUri") {
        return json!({ "ImageUri": image.to_json() });
    }
    match own.get("CodeUri") {
        Some(node) => code_location(logical, node),
        None => json!({ "Of": logical }),
    }
}

/// Where code is: in a bucket, or in the package that came for this resource.
pub(super) fn code_location(logical: &str, node: &Node) -> Json {
    if let Some(path) = node.as_str() {
        let object = path.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
        return match object {
            Some((bucket, key)) => json!({ "S3Bucket": bucket, "S3Key": key }),
            None => json!({ "Of": logical }),
        };
    }
    if node.intrinsic().is_some() {
        return node.to_json();
    }
    let mut location = Map::new();
    for (from, to) in [("Bucket", "S3Bucket"), ("Key", "S3Key"), ("Version", "S3ObjectVersion")] {
        if let Some(part) = node.get(from) {
            location.insert(to.to_owned(), part.to_json());
        }
    }
    Json::Object(location)
}

fn tags(own: &Node) -> Json {
    let given = own.get("Tags").into_iter().flat_map(Node::entries);
    let given = given.map(|tag| json!({ "Key": tag.key, "Value": tag.value.to_json() }));
    std::iter::once(json!({ "Key": "lambda:createdBy", "Value": "SAM" })).chain(given).collect()
}

fn role_resource(entry: &Entry, own: &Node) -> Result<Node, Fault> {
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Action": ["sts:AssumeRole"], "Principal": { "Service": ["lambda.amazonaws.com"] },
        }],
    });
    let trust = own.get("AssumeRolePolicyDocument").map_or(trust, Node::to_json);
    let mut managed: Vec<Json> =
        vec!["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole".into()];
    let mut inline = Vec::new();
    if let Some(node) = own.get("Policies") {
        for policy in node.as_list().unwrap_or(std::slice::from_ref(node)) {
            add_policy(entry, policy, &mut managed, &mut inline)?;
        }
    }
    let mut properties =
        json!({ "AssumeRolePolicyDocument": trust, "ManagedPolicyArns": managed, "Tags": tags(own) });
    if !inline.is_empty() {
        properties["Policies"] = Json::Array(inline);
    }
    for (from, to) in [("RolePath", "Path"), ("PermissionsBoundary", "PermissionsBoundary")] {
        if let Some(node) = own.get(from) {
            properties[to] = node.to_json();
        }
    }
    let mut role = Node::from_json(entry.line, json!({ "Type": "AWS::IAM::Role", "Properties": properties }));
    kept_attributes(entry, &mut role, &["Condition"]);
    Ok(role)
}

/// A policy: the name of a managed one, a document, or a template with its parameters.
///
/// Roles are kept and answered, not enforced, so a template is kept by its name rather than written out.
fn add_policy(
    entry: &Entry,
    policy: &Node,
    managed: &mut Vec<Json>,
    inline: &mut Vec<Json>,
) -> Result<(), Fault> {
    let name = format!("{}RolePolicy{}", entry.key, inline.len());
    if let Some(text) = policy.as_str() {
        let arn = if text.starts_with("arn:") {
            text.to_owned()
        } else {
            format!("arn:aws:iam::aws:policy/{text}")
        };
        managed.push(arn.into());
    } else if policy.intrinsic().is_some() {
        managed.push(policy.to_json());
    } else if policy.get("Statement").is_some() {
        inline.push(json!({ "PolicyName": name, "PolicyDocument": policy.to_json() }));
    } else if let [template] = policy.entries()
        && (template.key.ends_with("Policy") || template.key.ends_with("Policy_v2"))
    {
        inline.push(json!({
            "PolicyName": name,
            "PolicyDocument": {
                "Version": "2012-10-17", "Statement": [], "Template": { &template.key: template.value.to_json() },
            },
        }));
    } else {
        let message = format!("a policy of {} is neither a name, nor a document, nor a template", entry.key);
        return Err(Fault::new(policy.line, message));
    }
    Ok(())
}

/// The version and alias that `AutoPublishAlias` asks for; gives the alias.
fn published(
    entry: &Entry,
    own: &Node,
    properties: &Node,
    code: &dyn Fn(&str) -> String,
    output: &mut Output,
) -> Option<String> {
    let alias = own.get("AutoPublishAlias")?.scalar()?;
    let (logical, line) = (&entry.key, entry.line);
    // Another version for other code, and where asked for, for any other property.
    let all =
        own.get("AutoPublishAliasAllProperties").and_then(Node::scalar).is_some_and(|all| all == "true");
    let content = match own.get("AutoPublishCodeSha256").and_then(Node::scalar) {
        Some(given) => given,
        None if all => format!("{}{}", properties.to_json(), code(logical)),
        None => format!("{}{}", code_of(logical, own), code(logical)),
    };
    let version = format!("{logical}Version{}", hash(&content));
    let mut described = json!({ "FunctionName": reference(logical) });
    if let Some(node) = own.get("VersionDescription") {
        described["Description"] = node.to_json();
    }
    output.add(
        &version,
        line,
        json!({ "Type": "AWS::Lambda::Version", "DeletionPolicy": "Retain", "Properties": described }),
    );
    let name = format!("{logical}Alias{alias}");
    let mut pointing = json!({
        "FunctionName": reference(logical),
        "FunctionVersion": { "Fn::GetAtt": [version, "Version"] },
        "Name": alias,
    });
    if let Some(node) = own.get("ProvisionedConcurrencyConfig") {
        pointing["ProvisionedConcurrencyConfig"] = node.to_json();
    }
    output.add(&name, line, json!({ "Type": "AWS::Lambda::Alias", "Properties": pointing }));
    output.generated(logical, "Version", &version);
    output.generated(logical, "Alias", &name);
    Some(name)
}

fn function_url(entry: &Entry, own: &Node, alias: Option<&str>, output: &mut Output) {
    let Some(config) = own.get("FunctionUrlConfig") else { return };
    let (logical, line) = (&entry.key, config.line);
    let open = config.get("AuthType").and_then(Node::as_str) == Some("NONE");
    let target = alias.unwrap_or(logical);
    let mut properties = json!({ "TargetFunctionArn": reference(target) });
    for (key, value) in config.entries().iter().map(|one| (&one.key, &one.value)) {
        properties[key] = value.to_json();
    }
    output.add(
        &format!("{logical}Url"),
        line,
        json!({ "Type": "AWS::Lambda::Url", "Properties": properties }),
    );
    if open {
        let permission = |action: &str| {
            json!({
                "Type": "AWS::Lambda::Permission",
                "Properties": { "FunctionName": reference(target), "Principal": "*", "Action": action },
            })
        };
        let mut url = permission("lambda:InvokeFunctionUrl");
        url["Properties"]["FunctionUrlAuthType"] = "NONE".into();
        output.add(&format!("{logical}UrlPublicPermissions"), line, url);
        let mut invoke = permission("lambda:InvokeFunction");
        invoke["Properties"]["InvokedViaFunctionUrl"] = true.into();
        output.add(&format!("{logical}URLInvokeAllowPublicAccess"), line, invoke);
    }
}

fn event_invoke(entry: &Entry, own: &Node, alias: Option<&str>, output: &mut Output) -> Result<(), Fault> {
    let Some(config) = own.get("EventInvokeConfig") else { return Ok(()) };
    let (logical, line) = (&entry.key, config.line);
    let qualifier = alias.and_then(|alias| alias.strip_prefix(&format!("{logical}Alias")));
    let mut properties =
        json!({ "FunctionName": reference(logical), "Qualifier": qualifier.unwrap_or("$LATEST") });
    for name in ["MaximumEventAgeInSeconds", "MaximumRetryAttempts"] {
        if let Some(node) = config.get(name) {
            properties[name] = node.to_json();
        }
    }
    for name in ["OnSuccess", "OnFailure"] {
        let Some(given) = config.get("DestinationConfig").and_then(|all| all.get(name)) else { continue };
        let kind = given.get("Type").and_then(Node::as_str).unwrap_or_default();
        let destination = match (given.get("Destination"), kind) {
            (Some(node), _) => node.to_json(),
            (None, "SQS") => {
                let queue = format!("{logical}EventInvokeConfig{name}Queue");
                output.add(&queue, line, json!({ "Type": "AWS::SQS::Queue" }));
                arn_of(&queue)
            }
            (None, _) => {
                return Err(Fault::new(given.line, format!("{name} of {logical} needs a Destination")));
            }
        };
        properties["DestinationConfig"][name]["Destination"] = destination;
    }
    let mut resource = json!({ "Type": "AWS::Lambda::EventInvokeConfig", "Properties": properties });
    if let Some(alias) = alias {
        resource["DependsOn"] = alias.into();
    }
    output.add(&format!("{logical}EventInvokeConfig"), line, resource);
    Ok(())
}
