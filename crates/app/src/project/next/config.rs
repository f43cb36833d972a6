//! `next.config.*`: redirects, rewrites, headers, variables and the base path.
//!
//! Source: the Next.js documentation, "next.config.js" and the pages of its options (2026-11). It is a program, which a
//! deploy runs, where it says anything that matters to one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::edge::{Action, Pattern, Rule};
use crate::plan::Plan;
use crate::project::description::{Completion, Description};
use crate::project::error::ProjectError;
use crate::project::{Project, path_pattern, script, vercel};
use crate::routes::Route;

/// What tells the app's function of its base path.
const BASE_PATH: &str = "EBB_NEXT_BASE_PATH";

/// The options that matter here.
const OPTIONS: &[&str] =
    &["redirects", "rewrites", "headers", "env", "basePath", "trailingSlash", "skipTrailingSlashRedirect"];

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    redirects: Vec<Value>,
    rewrites: Rewrites,
    headers: Vec<Value>,
    env: BTreeMap<String, Value>,
    base_path: String,
    trailing_slash: bool,
    skip_trailing_slash_redirect: bool,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Rewrites {
    /// Those that are looked at after files.
    Plain(Vec<Value>),
    Placed(PlacedRewrites),
}

impl Default for Rewrites {
    fn default() -> Self {
        Self::Plain(Vec::new())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PlacedRewrites {
    before_files: Vec<Value>,
    after_files: Vec<Value>,
    fallback: Vec<Value>,
}

/// Notes that the file is to be run, where there is one that matters; without, the defaults hold.
pub(super) fn describe(folder: &Path, description: &mut Description) {
    let said = file(folder).and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
    if OPTIONS.iter().any(|option| said.contains(option)) {
        description.completion = Some(Completion::NextConfig);
    } else {
        description.rules.extend(Config::default().slashes());
    }
}

fn file(folder: &Path) -> Option<PathBuf> {
    ["js", "mjs", "ts", "cjs", "mts"]
        .iter()
        .map(|e| folder.join(format!("next.config.{e}")))
        .find(|p| p.is_file())
}

/// Runs the file and adds what it says to the plan.
pub(in crate::project) fn complete(
    project: &Project,
    plan: &mut Plan,
    progress: &mut dyn FnMut(&str),
) -> Result<(), ProjectError> {
    let Some(path) = file(&project.folder) else { return Ok(()) };
    let arguments = json!(["phase-production-server", { "defaultConfig": {} }]);
    let said = script::settings(&project.folder, &path, &arguments, project.install, progress)?;
    let wrong = |message: String| ProjectError::Manifest { path: path.clone(), message };
    let config: Config = serde_json::from_value(said).map_err(|error| wrong(error.to_string()))?;
    let rules = config.rules().map_err(|rule| wrong(format!("a rule cannot be read: {rule}")))?;
    // What `vercel.json` says comes before, as the platform's own edge does.
    plan.rules.extend(rules);
    let base = config.base_path.trim_end_matches('/');
    for function in &mut plan.functions {
        for (name, value) in &config.env {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            function.environment.insert(name.clone(), text);
        }
        if base.is_empty() {
            continue;
        }
        function.environment.insert(BASE_PATH.to_owned(), base.to_owned());
        let below = |route: &Route| {
            if *route == Route::all() { Ok(route.clone()) } else { route.below(base) }
        };
        let routes: Result<Vec<_>, _> = function.routes.iter().map(below).collect();
        function.routes = routes.map_err(|error| wrong(format!("basePath: {error}")))?;
    }
    if let Some(prefix) = base.strip_prefix('/') {
        let files = std::mem::take(&mut plan.files);
        plan.files = files.into_iter().map(|(name, digest)| (format!("{prefix}/{name}"), digest)).collect();
    }
    Ok(())
}

impl Config {
    /// Everything that it says of paths, in the order in which it is looked at.
    fn rules(&self) -> Result<Vec<Rule>, Value> {
        let empty = PlacedRewrites::default();
        let (placed, plain) = match &self.rewrites {
            Rewrites::Plain(list) => (&empty, list.as_slice()),
            Rewrites::Placed(placed) => (placed, [].as_slice()),
        };
        let mut rules: Vec<Rule> = self.slashes().into_iter().collect();
        let mut add = |list: &[Value], make: &dyn Fn(&Value) -> Option<Rule>| {
            for value in list {
                rules.push(make(value).ok_or_else(|| value.clone())?);
            }
            Ok::<(), Value>(())
        };
        add(&self.headers, &|value| self.rule(value, Action::Headers(vercel::header_list(value)?), false))?;
        add(&self.redirects, &|value| self.redirect(value))?;
        add(&placed.before_files, &|value| self.rewrite(value, true))?;
        for list in [plain, &placed.after_files, &placed.fallback] {
            add(list, &|value| self.rewrite(value, false))?;
        }
        Ok(rules)
    }

    /// Paths are without a slash at their end, or all with one. Source: "trailingSlash": files are left as they are.
    fn slashes(&self) -> Option<Rule> {
        if self.skip_trailing_slash_redirect {
            return None;
        }
        let (from, to) = match self.trailing_slash {
            true => (r"/(?<p>(?:[^/]+/)*[^./]+)", "/{p}/"),
            false => (r"/(?<p>.*[^/])/+", "/{p}"),
        };
        let action = Action::Redirect { to: to.to_owned(), status: 308 };
        Some(Rule { from: Pattern(from.to_owned()), when: Vec::new(), action, force: true })
    }

    /// What comes before the paths of a rule.
    fn base(&self, value: &Value) -> &str {
        let own = value.get("basePath").and_then(Value::as_bool) != Some(false);
        if own { self.base_path.trim_end_matches('/') } else { "" }
    }

    fn rule(&self, value: &Value, action: Action, force: bool) -> Option<Rule> {
        let source = text(value, "source")?;
        let base = self.base(value);
        let source =
            if source == "/" && !base.is_empty() { base.to_owned() } else { format!("{base}{source}") };
        let from = Pattern(path_pattern::of_regexp_path(&source));
        Some(Rule { from, when: vercel::conditions(value)?, action, force })
    }

    fn redirect(&self, value: &Value) -> Option<Rule> {
        let permanent = value.get("permanent").and_then(Value::as_bool).unwrap_or(false);
        let status =
            value.get("statusCode").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        let status = status.unwrap_or(if permanent { 308 } else { 307 });
        let to = self.target(value, path_pattern::target(text(value, "destination")?));
        self.rule(value, Action::Redirect { to, status }, true)
    }

    fn rewrite(&self, value: &Value, force: bool) -> Option<Rule> {
        let to = text(value, "destination").filter(|to| to.starts_with('/') || to.contains("://"))?;
        let to = self.target(value, path_pattern::rewrite_target(text(value, "source")?, to));
        self.rule(value, Action::Rewrite { to, status: None }, force)
    }

    fn target(&self, value: &Value, to: String) -> String {
        if to.starts_with('/') { format!("{}{to}", self.base(value)) } else { to }
    }
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(config: Value) -> Vec<(String, Action, bool)> {
        let config: Config = serde_json::from_value(config).unwrap();
        config.rules().unwrap().into_iter().map(|rule| (rule.from.0, rule.action, rule.force)).collect()
    }

    #[test]
    fn rewrites_are_placed_before_and_after_files() {
        let to = |to: &str| Action::Rewrite { to: to.to_owned(), status: None };
        let rewrite = |path: &str| json!({ "source": path, "destination": "/to" });
        let placed = json!({ "beforeFiles": [rewrite("/a")], "afterFiles": [rewrite("/b")], "fallback": [rewrite("/c")] });
        let found = rules(json!({ "rewrites": placed, "skipTrailingSlashRedirect": true }));
        let expected = [("/a/?", true), ("/b/?", false), ("/c/?", false)];
        assert_eq!(found, expected.map(|(from, force)| (from.to_owned(), to("/to"), force)));
    }

    #[test]
    fn the_base_path_stands_before_every_path() {
        let redirect = json!({ "source": "/a", "destination": "/b", "statusCode": 302 });
        let outside = json!({ "source": "/", "destination": "https://x.example/", "basePath": false, "permanent": true });
        let found = rules(
            json!({ "basePath": "/docs", "redirects": [redirect, outside], "skipTrailingSlashRedirect": true }),
        );
        let to = |to: &str, status| Action::Redirect { to: to.to_owned(), status };
        assert_eq!(found[0], ("/docs/a/?".to_owned(), to("/docs/b", 302), true));
        assert_eq!(found[1], ("/".to_owned(), to("https://x.example/", 308), true));
    }
}
