//! The configuration of workerd, as text of its Cap'n Proto schema (`workerd.capnp`).

use std::fmt::Write as _;

use ebb_model::worker_package::VARIABLE;
use serde_json::Value;

use super::modules::Module;
use super::objects::Class;

/// Compatibility of ebb's own parts.
const OWN_DATE: &str = "2025-09-01";
/// Where the folder is that outlives the instance.
const STATE: &str = "/var/state";
/// The variables by which the process is told its version, and when that was deployed.
const VERSION: &str = "EBB_VERSION_ID";
const DEPLOYED: &str = "EBB_VERSION_TIMESTAMP";
/// The namespace of the instances of workflows.
const INSTANCES: &str = "durableObjectNamespace = (className = \"Instance\", serviceName = \"workflows\")";
/// Their bindings to the services of the platform.
const KEYS: &[&str] = &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"];

/// What a worker finds in its `env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Binding {
    Text(String),
    /// A value, as JSON text.
    Json(String),
    /// A variable of the function.
    Environment(String),
    /// The KV namespace in this bucket.
    Kv(String),
    /// The producer's end of this queue.
    Queue(String),
    /// This bucket.
    R2(String),
    /// The D1 database that this function is.
    D1(String),
    /// The objects of this class of the worker's own.
    Objects(String),
    /// The objects of another worker, by its function and their class.
    ForeignObjects(String, String),
    /// Another worker, by its function, and one of its entry points.
    Worker(String, Option<String>),
    /// A workflow, by its name and its class; `script` is the function of another worker that it is of.
    Workflow {
        name: String,
        class: String,
        script: Option<String>,
    },
    /// So many calls of a key in so many seconds.
    RateLimit(u32, u32),
    /// Where data points go, by its name.
    Dataset(String),
    /// What is known of the deployed version.
    Version,
    /// The static files.
    Assets,
    /// The worker itself, by one of its entry points.
    Own(Option<String>),
}

/// What bindings lead to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Service {
    /// A KV namespace, by its bucket.
    Kv(String),
    /// A queue, by its name.
    Queue(String),
    /// A bucket.
    R2(String),
    /// A database, by its function.
    D1(String),
    /// Another worker, by its function, and one of its entry points.
    Worker(String, Option<String>),
    /// The objects of another worker, by its function and their class.
    Objects(String, String),
    /// Another worker that is told what happens in this one, by its function; and the name of this one.
    Tail(String, String),
}

/// A worker, ready to be described.
pub(super) struct Worker<'a> {
    /// Its modules, the entry point first; none where it has only static files.
    pub(super) modules: &'a [Module],
    /// Whether it uses the Cache API.
    pub(super) caches: bool,
    pub(super) date: &'a str,
    pub(super) flags: &'a [String],
    pub(super) bindings: Vec<(String, Binding)>,
    pub(super) services: Vec<Service>,
    /// The classes of its objects.
    pub(super) classes: &'a [Class],
    /// Whether it has workflows.
    pub(super) workflows: bool,
    pub(super) assets: Option<&'a Value>,
    /// What the part in front of it is told.
    pub(super) settings: Value,
}

impl Worker<'_> {
    /// The configuration; paths in it begin at its own folder in the package.
    pub(super) fn text(&self) -> String {
        let mut text = String::from(
            "using Workerd = import \"/workerd/workerd.capnp\";\nconst config :Workerd.Config = (\n  services = [\n",
        );
        self.entry(&mut text);
        if !self.modules.is_empty() {
            self.main(&mut text);
        }
        for service in &self.services {
            platform_service(&mut text, service);
        }
        if self.assets.is_some() {
            own(&mut text, "assets", &["assets.js"], &[settings(&self.settings), files()]);
            text.push_str(
                "    (name = \"files\", disk = (path = \"/var/task/assets\", allowDotfiles = true)),\n",
            );
        }
        if self.workflows {
            self.instances(&mut text);
        }
        if self.workflows || !self.classes.is_empty() {
            let _ = writeln!(text, "    (name = \"state\", disk = (path = \"{STATE}\", writable = true)),");
        }
        if self.caches {
            own(&mut text, "cache", &["cache.js"], &[]);
        }
        text.push_str(
            "    (name = \"control\", external = (address = \"127.0.0.1:9002\", http = ())),\n\
             \x20   (name = \"internet\", network = (allow = [\"public\"], tlsOptions = (trustBrowserCas = true))),\n\
             \x20 ],\n  sockets = [\n\
             \x20   (name = \"http\", address = \"127.0.0.1:8080\", http = (), service = ",
        );
        text.push_str(self.front());
        text.push_str(
            "),\n\
             \x20   (name = \"events\", address = \"127.0.0.1:8081\", http = (), service = (name = \"entry\", entrypoint = \"events\")),\n\
             \x20 ],\n\
             \x20 extensions = [(modules = [\n\
             \x20   (name = \"ebb:r2\", esModule = embed \"r2.js\", internal = true),\n\
             \x20   (name = \"ebb:small\", esModule = embed \"small_bindings.js\", internal = true),\n\
             \x20   (name = \"ebb:rpc\", esModule = embed \"rpc.js\", internal = true),\n\
             \x20   (name = \"ebb:objects\", esModule = embed \"objects_binding.js\", internal = true),\n\
             \x20   (name = \"ebb:workflows\", esModule = embed \"workflow_binding.js\", internal = true),\n\
             \x20 ])],\n);\n",
        );
        text
    }

    /// What requests reach first.
    fn front(&self) -> &'static str {
        let alone = self.assets.is_none() && !self.modules.is_empty();
        if alone { "(name = \"main\", entrypoint = \"ebbRequests\")" } else { "\"entry\"" }
    }

    fn entry(&self, text: &mut String) {
        let mut bindings = vec![settings(&self.settings)];
        if !self.modules.is_empty() {
            bindings.push("(name = \"MAIN\", service = \"main\")".to_owned());
            for (name, entrypoint) in [("TRACK", "ebbTrack"), ("CALL", "ebbCall")] {
                bindings.push(format!(
                    "(name = \"{name}\", service = (name = \"main\", entrypoint = \"{entrypoint}\"))"
                ));
            }
        }
        if self.assets.is_some() {
            bindings.push(files());
        }
        for Class { name, .. } in self.classes {
            let (binding, class) = (quoted(&format!("OBJECTS_{name}")), quoted(name));
            bindings.push(format!(
                "(name = {binding}, durableObjectNamespace = (className = {class}, serviceName = \"main\"))"
            ));
        }
        if self.workflows {
            bindings.push(format!("(name = \"WORKFLOWS\", {INSTANCES})"));
        }
        bindings.extend(platform());
        own(text, "entry", &["entry.js", "edge.js", "assets.js", "aws.js", "rpc.js"], &bindings);
    }

    /// The instances of its workflows: objects of a worker of ebb's own, which has the worker run them.
    fn instances(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "    (name = \"workflows\", worker = (\n      modules = [(name = \"workflows.js\", esModule = embed \"workflows.js\")],\n      \
             compatibilityDate = \"{OWN_DATE}\",\n      \
             bindings = [(name = \"RUN\", service = (name = \"main\", entrypoint = \"ebbRun\"))],\n      \
             durableObjectNamespaces = [(className = \"Instance\", uniqueKey = \"ebb-workflows\", enableSql = true)],\n      \
             durableObjectStorage = (localDisk = \"state\"),\n    )),",
        );
    }

    fn main(&self, text: &mut String) {
        text.push_str("    (name = \"main\", worker = (\n      modules = [\n");
        for module in self.modules {
            let (name, kind) = (quoted(&module.name), module.kind.field());
            let path = quoted(&format!("../{}", module.path));
            let _ = writeln!(text, "        (name = {name}, {kind} = embed {path}),");
        }
        let flags: Vec<_> = self.flags.iter().map(|flag| quoted(flag)).collect();
        let _ = writeln!(text, "      ],\n      compatibilityDate = {},", quoted(self.date));
        let _ = writeln!(text, "      compatibilityFlags = [{}],", flags.join(", "));
        if self.caches {
            text.push_str("      cacheApiOutbound = \"cache\",\n");
        }
        text.push_str("      bindings = [\n");
        for (name, binding) in &self.bindings {
            let _ = writeln!(text, "        (name = {}, {}),", quoted(name), binding.field());
        }
        text.push_str("      ],\n");
        let tails = self.services.iter().filter(|service| matches!(service, Service::Tail(..)));
        let tails: Vec<_> = tails.map(|service| quoted(&name_of(service))).collect();
        if !tails.is_empty() {
            let _ = writeln!(text, "      tails = [{}],", tails.join(", "));
        }
        if !self.classes.is_empty() {
            text.push_str("      durableObjectNamespaces = [\n");
            for Class { name, key, sql } in self.classes {
                let (name, key) = (quoted(name), quoted(key));
                let _ = writeln!(text, "        (className = {name}, uniqueKey = {key}, enableSql = {sql}),");
            }
            text.push_str("      ],\n      durableObjectStorage = (localDisk = \"state\"),\n");
        }
        text.push_str("    )),\n");
    }
}

impl Binding {
    fn field(&self) -> String {
        match self {
            Self::Text(value) => format!("text = {}", quoted(value)),
            Self::Json(value) => format!("json = {}", quoted(value)),
            Self::Environment(name) => variable(name),
            Self::Kv(bucket) => format!("kvNamespace = {}", quoted(&format!("kv:{bucket}"))),
            Self::Queue(name) => format!("queue = {}", quoted(&format!("queue:{name}"))),
            Self::R2(bucket) => format!(
                "wrapped = (moduleName = \"ebb:r2\", innerBindings = [(name = \"s3\", service = {})])",
                quoted(&format!("r2:{bucket}"))
            ),
            Self::D1(function) => format!(
                "wrapped = (moduleName = \"cloudflare-internal:d1-api\", innerBindings = [(name = \"fetcher\", service = {})])",
                quoted(&format!("d1:{function}"))
            ),
            Self::Objects(class) => format!("durableObjectNamespace = {}", quoted(class)),
            Self::ForeignObjects(function, class) => format!(
                "wrapped = (moduleName = \"ebb:objects\", innerBindings = [(name = \"service\", service = {})])",
                quoted(&format!("objects:{function}:{class}"))
            ),
            Self::Worker(function, entrypoint) => {
                format!("service = {}", quoted(&worker_service(function, entrypoint.as_deref())))
            }
            Self::Workflow { name, class, script } => {
                let engine = match script {
                    None => format!("(name = \"engine\", {INSTANCES})"),
                    Some(script) => {
                        let service = quoted(&format!("objects:{script}:{class}"));
                        format!("(name = \"remote\", service = {service})")
                    }
                };
                format!(
                    "wrapped = (moduleName = \"ebb:workflows\", innerBindings = [{engine}, (name = \"workflow\", text = {}), (name = \"class\", text = {})])",
                    quoted(name),
                    quoted(class)
                )
            }
            Self::RateLimit(limit, period) => format!(
                "wrapped = (moduleName = \"ebb:small\", innerBindings = [(name = \"limit\", text = \"{limit}\"), (name = \"period\", text = \"{period}\")])"
            ),
            Self::Dataset(name) => format!(
                "wrapped = (moduleName = \"ebb:small\", innerBindings = [(name = \"dataset\", text = {})])",
                quoted(name)
            ),
            Self::Version => format!(
                "wrapped = (moduleName = \"ebb:small\", innerBindings = [(name = \"version\", {}), (name = \"timestamp\", {})])",
                variable(VERSION),
                variable(DEPLOYED)
            ),
            Self::Assets => "service = \"assets\"".to_owned(),
            Self::Own(None) => "service = \"main\"".to_owned(),
            Self::Own(Some(entrypoint)) => {
                format!("service = (name = \"main\", entrypoint = {})", quoted(entrypoint))
            }
        }
    }
}

/// A part of ebb's that calls the platform's services.
fn platform_service(text: &mut String, service: &Service) {
    let (parts, values): (&[&str], Vec<(&str, &str)>) = match service {
        Service::Kv(bucket) => (&["kv.js"], vec![("BUCKET", bucket)]),
        Service::R2(bucket) => (&["s3.js"], vec![("BUCKET", bucket)]),
        Service::Queue(queue) => (&["queue.js"], vec![("QUEUE", queue)]),
        Service::D1(function) => (&["d1.js"], vec![("FUNCTION", function)]),
        Service::Objects(function, class) => {
            (&["objects.js"], vec![("FUNCTION", function), ("CLASS", class)])
        }
        Service::Tail(function, script) => (&["tail.js"], vec![("FUNCTION", function), ("SCRIPT", script)]),
        Service::Worker(function, entrypoint) => {
            let mut values = vec![("FUNCTION", function.as_str())];
            values.extend(entrypoint.as_deref().map(|entrypoint| ("ENTRYPOINT", entrypoint)));
            (&["service.js", "rpc.js"], values)
        }
    };
    let mut bindings = platform();
    bindings.extend(
        values.iter().map(|(name, value)| format!("(name = {}, text = {})", quoted(name), quoted(value))),
    );
    let parts: Vec<_> = parts.iter().copied().chain(["aws.js"]).collect();
    own(text, &name_of(service), &parts, &bindings);
}

/// What a service is called in the configuration.
fn name_of(service: &Service) -> String {
    match service {
        Service::Kv(bucket) => format!("kv:{bucket}"),
        Service::R2(bucket) => format!("r2:{bucket}"),
        Service::Queue(queue) => format!("queue:{queue}"),
        Service::D1(function) => format!("d1:{function}"),
        Service::Objects(function, class) => format!("objects:{function}:{class}"),
        Service::Tail(function, _) => format!("tail:{function}"),
        Service::Worker(function, entrypoint) => worker_service(function, entrypoint.as_deref()),
    }
}

fn worker_service(function: &str, entrypoint: Option<&str>) -> String {
    format!("worker:{function}:{}", entrypoint.unwrap_or_default())
}

/// What it takes to call the platform.
fn platform() -> Vec<String> {
    let keys = KEYS.iter().map(|key| format!("(name = {}, {})", quoted(key), variable(key)));
    keys.chain(["(name = \"CONTROL\", service = \"control\")".to_owned()]).collect()
}

/// A text that is the value of a variable of the environment.
fn variable(name: &str) -> String {
    format!("text = {}", quoted(&format!("{VARIABLE}{name}")))
}

/// One of ebb's own parts as a service.
fn own(text: &mut String, name: &str, modules: &[&str], bindings: &[String]) {
    let modules: Vec<_> =
        modules.iter().map(|part| format!("(name = \"{part}\", esModule = embed \"{part}\")")).collect();
    let _ = writeln!(
        text,
        "    (name = {}, worker = (\n      modules = [{}],\n      compatibilityDate = \"{OWN_DATE}\", \
         compatibilityFlags = [\"service_binding_extra_handlers\"],\n      bindings = [{}],\n    )),",
        quoted(name),
        modules.join(", "),
        bindings.join(", "),
    );
}

fn settings(settings: &Value) -> String {
    format!("(name = \"SETTINGS\", json = {})", quoted(&settings.to_string()))
}

fn files() -> String {
    "(name = \"FILES\", service = \"files\")".to_owned()
}

/// A string literal of Cap'n Proto's text format: as in C.
fn quoted(text: &str) -> String {
    let mut literal = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => {
                literal.push('\\');
                literal.push(char::from(byte));
            }
            b' '..=b'~' => literal.push(char::from(byte)),
            _ => {
                let _ = write!(literal, "\\x{byte:02x}");
            }
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_any_kind_stays_within_its_literal() {
        let check = |text: &str, literal: &str| assert_eq!(quoted(text), literal, "{text:?}");
        check("plain", "\"plain\"");
        check("a\"b\\c", r#""a\"b\\c""#);
        check("line\nend\0", r#""line\x0aend\x00""#);
        check("é", r#""\xc3\xa9""#);
    }
}
