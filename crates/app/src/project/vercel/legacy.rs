//! The older form of `vercel.json`: `builds` and `routes`.
//!
//! Source: the Vercel documentation, "Project Configuration", sections "Legacy", "builds" and "routes" (2026-11).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::{conditions, file_name, glob, node, python, shown};
use crate::edge::{Action, Condition, Part, Pattern, Rule};
use crate::project::description::Description;
use crate::project::error::ProjectError;
use crate::project::next::{entries, route_of};

/// What the platform says of a file with rules of both forms.
pub(super) const MIXED: &str = "if `rewrites`, `redirects`, `headers`, `cleanUrls` or `trailingSlash` are used, then `routes` cannot be \
     present";

/// Which files are what.
#[derive(Debug, Deserialize)]
pub(super) struct Build {
    src: String,
    #[serde(rename = "use")]
    builder: String,
}

/// A rule: for paths, or the mark between two phases of them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Route {
    src: Option<String>,
    dest: Option<String>,
    headers: BTreeMap<String, String>,
    methods: Vec<String>,
    status: Option<u16>,
    #[serde(rename = "continue")]
    goes_on: bool,
    handle: Option<String>,
    has: Option<Value>,
    missing: Option<Value>,
}

impl Build {
    /// Adds what the builder would make.
    pub(super) fn add(&self, folder: &Path, description: &mut Description) -> Result<(), ProjectError> {
        let builder = self.builder.rsplit_once('@').filter(|(name, _)| !name.is_empty());
        let builder = builder.map_or(self.builder.as_str(), |(name, _)| name);
        let mut found = Vec::new();
        collect(folder, folder, &self.src, &mut found)?;
        match builder {
            "@vercel/node" | "@now/node" | "@now/node-server" => {
                self.functions(folder, found, true, description)
            }
            "@vercel/python" | "@now/python" => self.functions(folder, found, false, description),
            "@vercel/static" | "@now/static" => {
                // Files are served from a folder: that of the pattern, or all that the project shows.
                let named = self.src.split(['*', '{']).next().unwrap_or_default();
                let root = folder.join(named.rsplit_once('/').map_or("", |(root, _)| root));
                match root == *folder {
                    true => description.own_files = true,
                    false => description.files.push(root),
                }
                Ok(())
            }
            other => {
                description
                    .ignore(format!("vercel.json builds {}", self.src), format!("{other} is not built"));
                Ok(())
            }
        }
    }

    fn functions(
        &self,
        folder: &Path,
        files: Vec<PathBuf>,
        in_node: bool,
        description: &mut Description,
    ) -> Result<(), ProjectError> {
        for file in files {
            let path = format!("/{}", shown(folder, &file));
            let mut function =
                if in_node { node(folder, &path, &file) } else { python(folder, &path, &file) };
            let route = route_of(&path).map_err(|why| ProjectError::Route { file: file.clone(), why })?;
            function.routes.push(route);
            // A file of `api` is a function already, at its path without the ending.
            description.functions.retain(|other| other.name != function.name);
            description.functions.push(function);
        }
        Ok(())
    }
}

fn collect(root: &Path, folder: &Path, pattern: &str, found: &mut Vec<PathBuf>) -> Result<(), ProjectError> {
    for entry in entries(folder)? {
        let name = file_name(&entry);
        if name.starts_with('.') || name == "node_modules" {
            continue;
        }
        if entry.is_dir() {
            collect(root, &entry, pattern, found)?;
        } else if glob(pattern.trim_start_matches('/'), &shown(root, &entry)) {
            found.push(entry);
        }
    }
    Ok(())
}

/// Adds the rules of all phases that the edge has: before files and functions, and after.
pub(super) fn add_rules(routes: &[Route], description: &mut Description) -> Result<(), String> {
    let mut force = true;
    for route in routes {
        match route.handle.as_deref() {
            Some("filesystem") => force = false,
            // What is below it changes answers, which rules do not.
            Some(phase @ ("hit" | "miss" | "error" | "rewrite" | "resource")) => {
                description
                    .ignore(format!("vercel.json routes after `handle: {phase}`"), "ebb has no such phase");
                return Ok(());
            }
            Some(other) => return Err(format!("`routes` has no phase {other}")),
            None => description.rules.extend(route.rules(force)?),
        }
    }
    Ok(())
}

impl Route {
    fn rules(&self, force: bool) -> Result<Vec<Rule>, String> {
        let src = self.src.as_deref().ok_or("a route has neither `src` nor `handle`")?;
        let from = Pattern(src.trim_start_matches('^').trim_end_matches('$').to_owned());
        let given = serde_json::json!({ "has": self.has, "missing": self.missing });
        let mut when = conditions(&given).ok_or_else(|| format!("the conditions of {src} cannot be read"))?;
        if !self.methods.is_empty() {
            let value = Some(Pattern(self.methods.join("|").to_ascii_uppercase()));
            when.push(Condition { part: Part::Method, name: String::new(), value, not: false });
        }
        let rule = |action, force| Rule { from: from.clone(), when: when.clone(), action, force };
        let location = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("location"));
        let others: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| !name.eq_ignore_ascii_case("location"))
            .map(|(name, value)| (name.clone(), target(value)))
            .collect();
        let mut rules = Vec::new();
        if !others.is_empty() {
            rules.push(rule(Action::Headers(others), false));
        }
        let action = match (&self.dest, self.status, location) {
            _ if self.goes_on => return Ok(rules),
            (_, Some(status @ 300..400), Some((_, to))) => Action::Redirect { to: target(to), status },
            (Some(dest), status, _) => Action::Rewrite { to: absolute(&target(dest)), status },
            (None, Some(status), None) => Action::Status(status),
            (None, ..) => return Ok(rules),
        };
        rules.push(rule(action, force));
        Ok(rules)
    }
}

/// A path of the app, which older files write without the slash in front.
fn absolute(dest: &str) -> String {
    if dest.starts_with(['/']) || dest.contains("://") { dest.to_owned() } else { format!("/{dest}") }
}

/// What is written in the place of `$1` and `$name`, as rules have it.
fn target(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
        match &after[..end] {
            "" => out.push('$'),
            name => out += &format!("{{{name}}}"),
        }
        rest = &after[end..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn routes_become_rules_of_both_phases() {
        let routes: Vec<Route> = serde_json::from_value(json!([
            { "src": "^/a/(?<id>[^/]+)$", "dest": "index.js?id=$id&x=$1", "methods": ["get"] },
            { "src": "/h/.*", "headers": { "x-h": "1" }, "continue": true },
            { "src": "/go/(.*)", "status": 301, "headers": { "Location": "/to/$1" } },
            { "handle": "filesystem" },
            { "src": "/gone", "status": 410 },
        ]))
        .unwrap();
        let mut description = Description::default();
        add_rules(&routes, &mut description).unwrap();
        let [a, h, go, gone] = &description.rules[..] else { panic!("{:?}", description.rules) };
        assert_eq!(a.from.0, "/a/(?<id>[^/]+)");
        assert_eq!(a.action, Action::Rewrite { to: "/index.js?id={id}&x={1}".into(), status: None });
        assert_eq!((a.force, a.when[0].value.as_ref().unwrap().0.as_str()), (true, "GET"));
        assert_eq!(h.action, Action::Headers(vec![("x-h".into(), "1".into())]));
        assert_eq!(go.action, Action::Redirect { to: "/to/{1}".into(), status: 301 });
        assert_eq!((gone.force, &gone.action), (false, &Action::Status(410)));
        for wrong in [json!([{ "dest": "/x" }]), json!([{ "handle": "nowhere" }])] {
            let routes: Vec<Route> = serde_json::from_value(wrong).unwrap();
            assert!(add_rules(&routes, &mut Description::default()).is_err());
        }
    }
}
