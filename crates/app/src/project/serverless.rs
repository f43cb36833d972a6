//! A project of the Serverless Framework: `serverless.yml` becomes a SAM template.
//!
//! Source: Serverless Framework documentation, "Serverless.yml reference" and "AWS events" (v3 and v4, 2026-11).

mod access;
mod bundle;
mod cors;
mod events;
mod variables;
mod websocket;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use ebb_model::{Digest, RuntimeName};
use regex_lite::Regex;
use serde_json::{Map, Value as Json, json};

use super::description::Description;
use super::error::ProjectError;
use super::install::Added;
use super::{Package, Packed, Project, pack, script, sdk};
use crate::plan::{Ignored, Plan, app_name_of};
use crate::stack::{StackInput, not_a_runtime};
use crate::template::{Fault, Node, parse};
use variables::Variables;

/// The stage of a deploy that names none.
const STAGE: &str = "dev";

/// Sections that are read, or that say nothing about what is deployed.
const SECTIONS: &[&str] = &[
    "service",
    "provider",
    "functions",
    "resources",
    "package",
    "custom",
    "layers",
    "plugins",
    "frameworkVersion",
    "configValidationMode",
    "useDotenv",
    "disabledDeprecations",
    "deprecationNotificationMode",
    "variablesResolutionMode",
    "org",
    "app",
    "build",
    "stages",
    "params",
    "licenseKey",
];

/// What a service that is a program ends in.
const SCRIPTS: &[&str] = &["js", "mjs", "cjs", "ts", "mts"];

pub(super) fn find(folder: &Path) -> Option<PathBuf> {
    let scripts = SCRIPTS.iter().map(|extension| format!("serverless.{extension}"));
    ["serverless.yml", "serverless.yaml", "serverless.json"]
        .map(str::to_owned)
        .into_iter()
        .chain(scripts)
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
}

/// Whether the file is a program, which says what the service is when it is run.
fn is_script(path: &Path) -> bool {
    path.extension().is_some_and(|extension| SCRIPTS.iter().any(|script| extension == *script))
}

/// A project that is a service.
pub(super) fn describe(_: &Path, file: &Path) -> Result<Description, ProjectError> {
    let name = service(file);
    Ok(Description { name, template: Some((pack, file.to_owned())), ..Description::default() })
}

/// The name of the service.
fn service(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    if is_script(path) {
        // What it says is known once it has run; its name stands in it, as a rule.
        let said = Regex::new(r#"(?m)^\s*(?:const\s+)?service\s*[:=]\s*['"]([^'"$]+)['"]"#).ok()?;
        return app_name_of(&said.captures(&text)?[1]);
    }
    app_name_of(parse(&text).ok()?.get("service")?.as_str()?)
}

/// What a service is made of.
struct Service<'a> {
    app: &'a str,
    stage: String,
    provider: Node,
    root: Node,
}

fn pack(project: &Project, path: &Path, progress: &mut dyn FnMut(&str)) -> Result<Packed, ProjectError> {
    let wrong = |fault| ProjectError::Template { path: path.to_owned(), fault };
    let folder = path.parent().unwrap_or(Path::new("."));
    let text = match is_script(path) {
        true => script::settings(folder, path, &json!([]), project.install, progress)?.to_string(),
        false => fs::read_to_string(path).map_err(|source| ProjectError::io("read", path, source))?,
    };
    let service = read(&text, folder, &project.name).map_err(wrong)?;
    let template = service.template().map_err(wrong)?;
    let (mut packages, mut made) = (BTreeMap::new(), Vec::<Package>::new());
    let (mut ignored, mut sdks) = (Vec::new(), BTreeSet::new());
    for function in service.root.get("functions").into_iter().flat_map(Node::entries) {
        progress(&format!("packing {}", function.key));
        let runtime =
            service.own(&function.value, "runtime").and_then(|node| node.scalar()).unwrap_or_default();
        let handler = function.value.get("handler").and_then(Node::scalar).unwrap_or_default();
        let bundled = runtime.is_empty() || runtime.starts_with("nodejs");
        let bundled = bundled.then(|| bundle::of(&service.root, folder, &handler)).flatten();
        let pack::Zipped { zip, ignored: left_out } = match bundled {
            Some(esbuild) => esbuild.pack(folder, project.install, progress)?,
            None => {
                let added = project.dependencies(folder, &runtime, progress)?;
                service.package(folder, function.value.get("package"), &added)?
            }
        };
        let package = Package { digest: Digest::of(&zip), zip };
        sdks.extend(sdk::wanted(folder, &runtime));
        packages.insert(logical(&function.key, "LambdaFunction"), package.digest);
        if !made.iter().any(|known| known.digest == package.digest) {
            ignored.extend(
                left_out
                    .into_iter()
                    .map(|(path, reason)| Ignored { path: project.shown(&path), reason: reason.to_owned() }),
            );
            made.push(package);
        }
    }
    for layer in service.root.get("layers").into_iter().flat_map(Node::entries) {
        progress(&format!("packing {}", layer.key));
        let zipped = service.layer(folder, &layer.value)?;
        let package = Package { digest: Digest::of(&zipped.zip), zip: zipped.zip };
        packages.insert(logical(&layer.key, "LambdaLayer"), package.digest);
        if !made.iter().any(|known| known.digest == package.digest) {
            made.push(package);
        }
    }
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let template = template.to_string();
    let stack = StackInput { file, template, packages, generated: true, ..StackInput::default() };
    let plan = Plan { stack: Some(stack), ignored, ..Plan::new(&project.name) };
    plan.check()?;
    Ok(Packed { plan, packages: made, sdks })
}

/// Reads a service, with all its variables replaced.
fn read<'a>(text: &str, folder: &Path, app: &'a str) -> Result<Service<'a>, Fault> {
    let raw = parse(text)?;
    if let Some(unknown) = raw.entries().iter().find(|entry| !SECTIONS.contains(&entry.key.as_str())) {
        return Err(Fault::new(unknown.line, format!("{} is not built yet in ebb", unknown.key)));
    }
    let plain = |name: &str| {
        let given = raw.get("provider").and_then(|provider| provider.get(name)).and_then(Node::scalar);
        given.filter(|value| !value.contains("${"))
    };
    let stage = plain("stage").unwrap_or_else(|| STAGE.to_owned());
    let region = plain("region").unwrap_or_else(|| "us-east-1".to_owned());
    let root = Variables { root: &raw, folder, stage: stage.clone(), region }.resolved(&raw)?;
    let provider = root.get("provider").cloned().unwrap_or_else(|| Node::map(1, []));
    let name = provider.get("name").or(Some(&provider)).and_then(Node::as_str).unwrap_or_default().to_owned();
    if name != "aws" {
        return Err(Fault::new(provider.line, format!("the provider must be aws, not {name:?}")));
    }
    Ok(Service { app, stage, provider, root })
}

/// The logical id that the framework gives a function.
fn logical(name: &str, suffix: &str) -> String {
    let mut id = name.replace('-', "Dash").replace('_', "Underscore");
    if let Some(first) = id.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    id + suffix
}

impl Service<'_> {
    /// What a function says, else what the provider says for all.
    fn own(&self, function: &Node, name: &str) -> Option<Node> {
        function.get(name).or_else(|| self.provider.get(name)).cloned()
    }

    fn function_name(&self, name: &str, function: &Node) -> String {
        let own = function.get("name").and_then(Node::scalar);
        own.unwrap_or_else(|| format!("{}-{}-{name}", self.app, self.stage))
    }

    fn template(&self) -> Result<Json, Fault> {
        let mut resources = Map::new();
        for function in self.root.get("functions").into_iter().flat_map(Node::entries) {
            let id = logical(&function.key, "LambdaFunction");
            let properties = self.function(&function.key, &function.value, function.line, &mut resources)?;
            resources.insert(id, json!({ "Type": "AWS::Serverless::Function", "Properties": properties }));
        }
        for layer in self.root.get("layers").into_iter().flat_map(Node::entries) {
            resources
                .insert(logical(&layer.key, "LambdaLayer"), self.layer_resource(&layer.key, &layer.value));
        }
        let mut template = json!({ "Transform": "AWS::Serverless-2016-10-31" });
        let mut globals = Map::new();
        let (mut http, mut rest) = (Map::new(), Map::new());
        http.extend(cors::of_http(self).map(|cors| ("CorsConfiguration".to_owned(), cors)));
        rest.extend(cors::of_rest(self).map(|cors| ("Cors".to_owned(), cors)));
        let access::Authorizers { http: of_http, rest: of_rest } = access::authorizers(self)?;
        if !of_http.is_empty() {
            http.insert("Auth".to_owned(), json!({ "Authorizers": of_http }));
        }
        if !of_rest.is_empty() {
            rest.insert("Auth".to_owned(), json!({ "Authorizers": of_rest }));
        }
        let models = self.models();
        if !models.is_empty() {
            rest.insert("Models".to_owned(), models.into());
        }
        for (kind, settings) in [("HttpApi", http), ("Api", rest)] {
            if !settings.is_empty() {
                globals.insert(kind.to_owned(), settings.into());
            }
        }
        if !globals.is_empty() {
            template["Globals"] = Json::Object(globals);
        }
        template["Resources"] = Json::Object(resources);
        self.add_resources(&mut template)?;
        Ok(template)
    }

    /// The project's own resources, outputs and the rest, on top of those of functions.
    fn add_resources(&self, template: &mut Json) -> Result<(), Fault> {
        let Some(given) = self.root.get("resources") else { return Ok(()) };
        for part in given.as_list().unwrap_or(std::slice::from_ref(given)) {
            for section in part.entries() {
                if section.key == "extensions" {
                    return Err(Fault::new(section.line, "resources.extensions is not built yet in ebb"));
                }
                let Json::Object(entries) = section.value.to_json() else {
                    template[&section.key] = section.value.to_json();
                    continue;
                };
                for (name, value) in entries {
                    template[&section.key][&name] = value;
                }
            }
        }
        Ok(())
    }

    fn function(
        &self,
        name: &str,
        function: &Node,
        line: u32,
        resources: &mut Map<String, Json>,
    ) -> Result<Json, Fault> {
        if function.get("image").is_some() {
            return Err(Fault::new(line, format!("{name}: functions from images are not built yet in ebb")));
        }
        let handler = function.get("handler").and_then(Node::scalar);
        let handler = handler.ok_or_else(|| Fault::new(line, format!("function {name} has no handler")))?;
        let runtime = self.own(function, "runtime");
        let runtime_line = runtime.as_ref().map_or(line, |node| node.line);
        let runtime = runtime.and_then(|node| node.scalar()).unwrap_or_else(|| "nodejs20.x".to_owned());
        if RuntimeName::parse(&runtime).is_err() {
            return Err(Fault::new(runtime_line, format!("{name}: {}", not_a_runtime(&runtime))));
        }
        let mut properties = json!({
            "Handler": handler,
            "Runtime": runtime,
            "MemorySize": self.own(function, "memorySize").map_or(json!(1024), |node| node.to_json()),
            "Timeout": self.own(function, "timeout").map_or(json!(6), |node| node.to_json()),
            "FunctionName": self.function_name(name, function),
        });
        let mut environment = Map::new();
        for from in [&self.provider, function] {
            if let Some(Json::Object(variables)) = from.get("environment").map(Node::to_json) {
                environment.extend(variables);
            }
        }
        if !environment.is_empty() {
            properties["Environment"] = json!({ "Variables": environment });
        }
        for (from, to) in [
            ("description", "Description"),
            ("layers", "Layers"),
            ("reservedConcurrency", "ReservedConcurrentExecutions"),
            ("tags", "Tags"),
        ] {
            if let Some(node) = self.own(function, from) {
                properties[to] = node.to_json();
            }
        }
        if let Some(node) = self.own(function, "architecture") {
            properties["Architectures"] = json!([node.to_json()]);
        }
        if let Some(node) = function.get("ephemeralStorageSize") {
            properties["EphemeralStorage"] = json!({ "Size": node.to_json() });
        }
        if let Some(node) = function.get("onError") {
            properties["DeadLetterQueue"] = json!({ "Type": "SQS", "TargetArn": node.to_json() });
        }
        if let Some(node) = function.get("url") {
            properties["FunctionUrlConfig"] = url(node);
        }
        if let Some(config) = event_invoke(function) {
            properties["EventInvokeConfig"] = config;
        }
        let mut events = Map::new();
        for event in function.get("events").and_then(Node::as_list).unwrap_or_default() {
            for event in events::translate(self, name, event, resources)? {
                events.insert(format!("Event{}", events.len()), event);
            }
        }
        properties["Events"] = Json::Object(events);
        Ok(properties)
    }

    /// A layer, as SAM has it.
    fn layer_resource(&self, name: &str, layer: &Node) -> Json {
        let own = layer.get("name").and_then(Node::scalar);
        let mut properties = json!({
            "ContentUri": ".",
            "LayerName": own.unwrap_or_else(|| format!("{}-{}-{name}", self.app, self.stage)),
        });
        for (from, to) in [
            ("description", "Description"),
            ("compatibleRuntimes", "CompatibleRuntimes"),
            ("compatibleArchitectures", "CompatibleArchitectures"),
            ("licenseInfo", "LicenseInfo"),
        ] {
            if let Some(node) = layer.get(from) {
                properties[to] = node.to_json();
            }
        }
        json!({ "Type": "AWS::Serverless::LayerVersion", "Properties": properties })
    }

    /// The zip of a layer: its folder, or the artifact that it names.
    fn layer(&self, folder: &Path, layer: &Node) -> Result<pack::Zipped, ProjectError> {
        let own = layer.get("package");
        let path = layer.get("path").and_then(Node::scalar).unwrap_or_else(|| ".".to_owned());
        self.package(&folder.join(path), own.or(Some(layer)), &[])
    }

    /// The events of all functions: of which function, and what they say.
    fn events(&self) -> impl Iterator<Item = (&str, &Node)> {
        let functions = self.root.get("functions").into_iter().flat_map(Node::entries);
        functions.flat_map(|one| {
            let events = one.value.get("events").and_then(Node::as_list).unwrap_or_default();
            events.iter().map(move |event| (one.key.as_str(), event))
        })
    }

    /// The schemas of requests that `http` events have, by the names that they are referred to by.
    fn models(&self) -> Map<String, Json> {
        let of = |(_, event): (&str, &Node)| events::schema(event.get("http")?);
        self.events().filter_map(of).collect()
    }

    fn payload(&self) -> Option<String> {
        self.provider.get("httpApi").and_then(|api| api.get("payload")).and_then(Node::scalar)
    }

    /// The zip of a function: the project's folder, without what patterns exclude; or the artifact that it names.
    fn package(
        &self,
        folder: &Path,
        own: Option<&Node>,
        added: &[Added],
    ) -> Result<pack::Zipped, ProjectError> {
        let artifact = own.and_then(|own| own.get("artifact")).and_then(Node::as_str);
        if let Some(artifact) = artifact {
            let path = folder.join(artifact);
            let zip = fs::read(&path).map_err(|source| ProjectError::io("read", &path, source))?;
            return Ok(pack::Zipped { zip: zip.into(), ignored: Vec::new() });
        }
        let all = [self.root.get("package"), own];
        let patterns: Vec<(bool, Regex)> = all
            .into_iter()
            .flatten()
            .filter_map(|package| package.get("patterns").and_then(Node::as_list))
            .flatten()
            .filter_map(Node::scalar)
            .filter_map(|text| pattern(&text))
            .collect();
        // The last pattern that matches decides; what none matches is in.
        pack::zip_some(folder, added, &|name| {
            let decided = patterns.iter().rev().find(|(_, regex)| regex.is_match(name));
            decided.is_none_or(|(included, _)| *included)
        })
    }
}

/// A pattern of files: whether they are in, and which they are.
fn pattern(text: &str) -> Option<(bool, Regex)> {
    let (included, glob) = match text.strip_prefix('!') {
        Some(glob) => (false, glob),
        None => (true, text),
    };
    let mut regex = String::from("^");
    let mut rest = glob.trim_start_matches("./");
    while let Some(c) = rest.chars().next() {
        let (taken, part) = match c {
            '*' if rest.starts_with("**/") => (3, "(?:.*/)?".to_owned()),
            '*' if rest.starts_with("**") => (2, ".*".to_owned()),
            '*' => (1, "[^/]*".to_owned()),
            '?' => (1, "[^/]".to_owned()),
            c => (c.len_utf8(), regex_lite::escape(&c.to_string())),
        };
        regex.push_str(&part);
        rest = &rest[taken..];
    }
    Some((included, Regex::new(&(regex + "$")).ok()?))
}

fn url(node: &Node) -> Json {
    let signed = node.get("authorizer").and_then(Node::as_str) == Some("aws_iam");
    let mut config = json!({ "AuthType": if signed { "AWS_IAM" } else { "NONE" } });
    if let Some(mode) = node.get("invokeMode") {
        config["InvokeMode"] = mode.to_json();
    }
    match node.get("cors") {
        Some(cors) if cors.scalar().as_deref() == Some("true") => {
            config["Cors"] = json!({ "AllowOrigins": ["*"], "AllowHeaders": ["*"], "AllowMethods": ["*"] });
        }
        Some(cors) => {
            for (name, value) in cors::given(cors) {
                config["Cors"][name] = value;
            }
        }
        None => {}
    }
    config
}

fn event_invoke(function: &Node) -> Option<Json> {
    let mut config = Map::new();
    for (from, to) in
        [("maximumRetryAttempts", "MaximumRetryAttempts"), ("maximumEventAge", "MaximumEventAgeInSeconds")]
    {
        config.extend(function.get(from).map(|node| (to.to_owned(), node.to_json())));
    }
    let mut destinations = Map::new();
    for (from, to) in [("onSuccess", "OnSuccess"), ("onFailure", "OnFailure")] {
        let given = function.get("destinations").and_then(|all| all.get(from));
        destinations.extend(given.map(|node| (to.to_owned(), json!({ "Destination": node.to_json() }))));
    }
    if !destinations.is_empty() {
        config.insert("DestinationConfig".to_owned(), Json::Object(destinations));
    }
    (!config.is_empty()).then_some(Json::Object(config))
}
