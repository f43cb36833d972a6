//! What programs import from elsewhere, and the import map that they run with.
//!
//! The map is the project's own, with a few modules of ebb's in place of what only their platform has.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use regex_lite::Regex;
use serde_json::{Map, Value, json};

use super::Program;
use crate::project::error::ProjectError;
use crate::project::{jsonc, next};

/// Where the modules of the map are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Location {
    /// In the package: the map is in `.ebb/deno/maps`.
    Packed,
    /// Where they lie now; ebb's own modules, which need nothing, are left out.
    Here,
}

/// The specifiers that sources of a project name.
#[derive(Debug, Default)]
pub(super) struct Imports {
    specifiers: BTreeSet<String>,
}

impl Imports {
    /// Looks through the sources of a folder.
    pub(super) fn scan(folder: &Path) -> Result<Self, ProjectError> {
        let pattern = r#"(?:\bfrom|\bimport)\s*\(?\s*["'`]([^"'`\n]+)["'`]"#;
        let pattern = Regex::new(pattern).expect("the pattern is written here");
        let mut imports = Self::default();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in next::entries(&next)? {
                let name = next::file_name(&entry);
                if entry.is_dir() {
                    if name != "node_modules" && !name.starts_with('.') {
                        folders.push(entry);
                    }
                } else if super::is_module(&name)
                    && let Ok(text) = fs::read_to_string(&entry)
                {
                    imports.specifiers.extend(pattern.captures_iter(&text).map(|found| found[1].to_owned()));
                }
            }
        }
        Ok(imports)
    }

    /// Whether anything comes from elsewhere.
    pub(super) fn needs_fetching(&self, folder: &Path, programs: &[Program]) -> Result<bool, ProjectError> {
        let elsewhere = |specifier: &str| {
            ["npm:", "jsr:", "https://", "http://"].iter().any(|scheme| specifier.starts_with(scheme))
        };
        if self.specifiers.iter().any(|specifier| elsewhere(specifier) && own(specifier).is_none()) {
            return Ok(true);
        }
        for program in programs {
            let imports = document(folder, program)?;
            let targets = imports.get("imports").and_then(Value::as_object).into_iter().flatten();
            if targets.filter_map(|(_, target)| target.as_str()).any(elsewhere) {
                return Ok(true);
            }
            if !dependencies(folder, program).is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The import map of a program.
    pub(super) fn map(
        &self,
        folder: &Path,
        program: &Program,
        location: Location,
    ) -> Result<String, ProjectError> {
        let given = document(folder, program)?;
        let base = base(program);
        let place = |target: &str| placed(target, folder, &base, location);
        let mut imports = Map::new();
        for (name, target) in given.get("imports").and_then(Value::as_object).into_iter().flatten() {
            if let Some(target) = target.as_str() {
                add(&mut imports, place(name), &place(target));
            }
        }
        for (name, version) in dependencies(folder, program) {
            if !imports.contains_key(&name) {
                add(&mut imports, name.clone(), &format!("npm:{name}@{version}"));
            }
        }
        let mut scopes = Map::new();
        for (scope, list) in given.get("scopes").and_then(Value::as_object).into_iter().flatten() {
            let list = list.as_object().into_iter().flatten();
            let list = list.filter_map(|(name, target)| Some((place(name), place(target.as_str()?).into())));
            scopes.insert(place(scope), Value::Object(list.collect()));
        }
        for specifier in &self.specifiers {
            if let Some(module) = own(specifier) {
                let target = match location {
                    Location::Packed => format!("../{module}"),
                    Location::Here => "data:text/javascript,export function serve() {}".to_owned(),
                };
                imports.insert(specifier.clone(), target.into());
            }
        }
        Ok(json!({ "imports": imports, "scopes": scopes }).to_string())
    }
}

/// Adds a module. Deno reads `"std/": "..."` out of `"std": "jsr:..."` by itself in a deno.json, not in an import map.
fn add(imports: &mut Map<String, Value>, name: String, target: &str) {
    if target.starts_with("npm:") || target.starts_with("jsr:") {
        let below = format!("{}/", target.replacen(':', ":/", 1));
        imports.entry(format!("{name}/")).or_insert_with(|| below.into());
    }
    imports.insert(name, target.into());
}

/// What a package.json beside a program names: Deno itself only reads the one that it starts in.
fn dependencies(folder: &Path, program: &Program) -> Vec<(String, String)> {
    let path = folder.join(program.module.parent().unwrap_or(Path::new(""))).join("package.json");
    let document: Value = serde_json::from_slice(&fs::read(path).unwrap_or_default()).unwrap_or_default();
    let named = document.get("dependencies").and_then(Value::as_object).into_iter().flatten();
    named.filter_map(|(name, version)| Some((name.clone(), version.as_str()?.to_owned()))).collect()
}

/// The module of ebb's that takes the place of one: types of the platform's runtime, and the server that Deno has
/// itself by now.
fn own(specifier: &str) -> Option<&'static str> {
    let types = (specifier.contains("@supabase/functions-js") && specifier.contains("edge-runtime.d.ts"))
        || specifier == "@netlify/edge-functions"
        || specifier == "netlify:edge"
        || specifier.starts_with("https://edge.netlify.com");
    let server = specifier.starts_with("https://deno.land/std") && specifier.ends_with("/http/server.ts");
    if types { Some("empty.js") } else { server.then_some("std_server.js") }
}

/// The document that holds a program's imports.
fn document(folder: &Path, program: &Program) -> Result<Value, ProjectError> {
    let Some(path) = program.import_map.as_ref().or(program.config.as_ref()) else { return Ok(Value::Null) };
    let path = folder.join(path);
    let read = |path: &Path| {
        let text = fs::read_to_string(path).map_err(|source| ProjectError::io("read", path, source))?;
        let wrong = |error: serde_json::Error| ProjectError::Manifest {
            path: path.to_owned(),
            message: error.to_string(),
        };
        serde_json::from_str::<Value>(&jsonc::plain(&text)).map_err(wrong)
    };
    read(&path)
}

/// The folder that relative targets of a program's map are meant from, below the package's.
fn base(program: &Program) -> PathBuf {
    let path = program.import_map.as_ref().or(program.config.as_ref());
    path.and_then(|path| path.parent()).map(Path::to_owned).unwrap_or_default()
}

/// A name or target of the map; relative ones are made so that they lead to the same place.
fn placed(target: &str, folder: &Path, base: &Path, location: Location) -> String {
    if !target.starts_with("./") && !target.starts_with("../") {
        return target.to_owned();
    }
    let mut path = PathBuf::new();
    for part in base.join(target).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::CurDir => {}
            other => path.push(other),
        }
    }
    let slash = if target.ends_with('/') && !path.as_os_str().is_empty() { "/" } else { "" };
    match location {
        Location::Packed => format!("../../../{}{slash}", path.display()),
        Location::Here => format!("file://{}{slash}", folder.join(path).display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)], program: &Program, fetching: bool, expected: &Value) {
        let folder = crate::project::tests::folder(files);
        let imports = Imports::scan(folder.path()).unwrap();
        let programs = std::slice::from_ref(program);
        assert_eq!(imports.needs_fetching(folder.path(), programs).unwrap(), fetching, "{files:?}");
        let map = imports.map(folder.path(), program, Location::Packed).unwrap();
        assert_eq!(&serde_json::from_str::<Value>(&map).unwrap()["imports"], expected, "{files:?}");
    }

    fn program(config: Option<&str>, import_map: Option<&str>) -> Program {
        Program {
            name: "a".into(),
            module: "functions/a/index.ts".into(),
            config: config.map(PathBuf::from),
            import_map: import_map.map(PathBuf::from),
            entries: Vec::new(),
        }
    }

    #[test]
    fn import_maps_lead_to_the_same_modules_from_where_they_are_packed() {
        check(
            &[
                ("functions/a/index.ts", "import { x } from 'shared/x.ts'"),
                (
                    "functions/import_map.json",
                    r#"{ "imports": { "shared/": "./_shared/", "up": "../up.ts" } }"#,
                ),
            ],
            &program(None, Some("functions/import_map.json")),
            false,
            &json!({ "shared/": "../../../functions/_shared/", "up": "../../../up.ts" }),
        );
    }

    #[test]
    fn what_comes_from_elsewhere_is_fetched() {
        check(
            &[
                ("functions/a/index.ts", "import { chunk } from 'lodash'"),
                ("functions/a/deno.json", "{ \"imports\": { \"lodash\": \"npm:lodash-es@4\" } } // own"),
            ],
            &program(Some("functions/a/deno.json"), None),
            true,
            &json!({ "lodash": "npm:lodash-es@4", "lodash/": "npm:/lodash-es@4/" }),
        );
        check(
            &[("functions/a/index.ts", "import _ from \"npm:lodash\"")],
            &program(None, None),
            true,
            &json!({}),
        );
    }

    #[test]
    fn a_package_json_beside_a_function_counts() {
        check(
            &[
                ("functions/a/index.ts", "import _ from 'lodash'"),
                ("functions/a/package.json", r#"{ "dependencies": { "lodash": "^4.0.0" } }"#),
            ],
            &program(None, None),
            true,
            &json!({ "lodash": "npm:lodash@^4.0.0", "lodash/": "npm:/lodash@^4.0.0/" }),
        );
    }

    #[test]
    fn the_platforms_own_modules_are_ebbs() {
        check(
            &[(
                "functions/a/index.ts",
                "import \"jsr:@supabase/functions-js/edge-runtime.d.ts\";\n\
                 import { serve } from 'https://deno.land/std@0.168.0/http/server.ts';\n",
            )],
            &program(None, None),
            false,
            &json!({
                "jsr:@supabase/functions-js/edge-runtime.d.ts": "../empty.js",
                "https://deno.land/std@0.168.0/http/server.ts": "../std_server.js",
            }),
        );
    }
}
