//! The configuration of workerd, as text of its Cap'n Proto schema (`workerd.capnp`).

use std::fmt::Write as _;

use serde_json::Value;

use super::modules::Module;

/// Compatibility of ebb's own parts.
const OWN_DATE: &str = "2025-09-01";
/// Their bindings to the services of the platform.
const KEYS: &[&str] = &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"];

/// What a worker finds in its `env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Binding {
    Text(String),
    /// A value, as JSON text.
    Json(String),
    /// A variable of the process.
    Environment(String),
    /// The KV namespace in this bucket.
    Kv(String),
    /// The producer's end of this queue.
    Queue(String),
    /// This bucket.
    R2(String),
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
}

/// A worker, ready to be described.
pub(super) struct Worker<'a> {
    /// Its modules, the entry point first; none where it has only static files.
    pub(super) modules: &'a [Module],
    pub(super) date: &'a str,
    pub(super) flags: &'a [String],
    pub(super) bindings: Vec<(String, Binding)>,
    pub(super) services: Vec<Service>,
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
        own(&mut text, "cache", &["cache.js"], &[]);
        text.push_str(
            "    (name = \"control\", external = (address = \"127.0.0.1:9002\", http = ())),\n\
             \x20   (name = \"internet\", network = (allow = [\"public\"], tlsOptions = (trustBrowserCas = true))),\n\
             \x20 ],\n  sockets = [\n\
             \x20   (name = \"http\", address = \"127.0.0.1:8080\", http = (), service = \"entry\"),\n\
             \x20   (name = \"events\", address = \"127.0.0.1:8081\", http = (), service = (name = \"entry\", entrypoint = \"events\")),\n\
             \x20 ],\n\
             \x20 extensions = [(modules = [(name = \"ebb:r2\", esModule = embed \"r2.js\", internal = true)])],\n);\n",
        );
        text
    }

    fn entry(&self, text: &mut String) {
        let mut bindings = vec![settings(&self.settings)];
        if !self.modules.is_empty() {
            bindings.push("(name = \"MAIN\", service = \"main\")".to_owned());
            bindings.push(
                "(name = \"TRACK\", service = (name = \"main\", entrypoint = \"ebbTrack\"))".to_owned(),
            );
        }
        if self.assets.is_some() {
            bindings.push(files());
        }
        own(text, "entry", &["entry.js", "assets.js"], &bindings);
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
        text.push_str("      cacheApiOutbound = \"cache\",\n      bindings = [\n");
        for (name, binding) in &self.bindings {
            let _ = writeln!(text, "        (name = {}, {}),", quoted(name), binding.field());
        }
        text.push_str("      ],\n    )),\n");
    }
}

impl Binding {
    fn field(&self) -> String {
        match self {
            Self::Text(value) => format!("text = {}", quoted(value)),
            Self::Json(value) => format!("json = {}", quoted(value)),
            Self::Environment(name) => format!("fromEnvironment = {}", quoted(name)),
            Self::Kv(bucket) => format!("kvNamespace = {}", quoted(&format!("kv:{bucket}"))),
            Self::Queue(name) => format!("queue = {}", quoted(&format!("queue:{name}"))),
            Self::R2(bucket) => format!(
                "wrapped = (moduleName = \"ebb:r2\", innerBindings = [(name = \"s3\", service = {})])",
                quoted(&format!("r2:{bucket}"))
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
    let (name, part, own_binding) = match service {
        Service::Kv(bucket) => (format!("kv:{bucket}"), "kv.js", ("BUCKET", bucket)),
        Service::R2(bucket) => (format!("r2:{bucket}"), "s3.js", ("BUCKET", bucket)),
        Service::Queue(queue) => (format!("queue:{queue}"), "queue.js", ("QUEUE", queue)),
    };
    let mut bindings: Vec<_> =
        KEYS.iter().map(|key| format!("(name = {0}, fromEnvironment = {0})", quoted(key))).collect();
    bindings.push("(name = \"CONTROL\", service = \"control\")".to_owned());
    bindings.push(format!("(name = {}, text = {})", quoted(own_binding.0), quoted(own_binding.1)));
    own(text, &name, &[part, "aws.js"], &bindings);
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
