//! Edge functions: programs of Deno that stand in front of the app. All of them are one function of ebb, which runs them
//! in their order.
//!
//! Source: the Netlify documentation, "Edge Functions declarations" (2026-11).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Several, TIMEOUT, module_of};
use crate::edge::Pattern;
use crate::project::deno;
use crate::project::description::{Description, SourceFunction};
use crate::project::error::ProjectError;
use crate::project::next::entries;
use crate::project::{literal, path_pattern};

/// What the program of all edge functions is called, and the function.
const NAME: &str = "edge";

/// The program, in the package.
const MODULE: &str = ".ebb/edge/main.js";

/// Where a function stands: a table of `netlify.toml`, or a function's own `config`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Declaration {
    function: String,
    path: Several,
    pattern: Several,
    #[serde(alias = "excluded_path")]
    excluded_path: Several,
    #[serde(alias = "excluded_pattern")]
    excluded_pattern: Several,
    method: Several,
    #[serde(alias = "header")]
    headers: Option<BTreeMap<String, Value>>,
    #[serde(alias = "on_error")]
    on_error: Option<String>,
}

/// Adds the edge functions of a folder, those of the file first.
pub(super) fn add(
    base: &Path,
    folder: &Path,
    declared: &[Declaration],
    description: &mut Description,
) -> Result<(), ProjectError> {
    let mut modules = BTreeMap::new();
    for entry in entries(folder)? {
        modules.extend(module_of(&entry));
    }
    let (mut table, mut front, mut used) = (String::new(), Vec::new(), Vec::new());
    let mut place = |name: &str, module: &Path, said: &Declaration| {
        let paths = said.path.list().into_iter().map(|path| path_pattern::of_url_pattern(&path));
        front.extend(paths.chain(said.pattern.list()).map(Pattern));
        let module = module.strip_prefix(base).unwrap_or(module).to_owned();
        table += &entry(name, &module, said);
        if !used.contains(&module) {
            used.push(module);
        }
    };
    for said in declared {
        let module = modules.get(&said.function).ok_or_else(|| ProjectError::Manifest {
            path: base.join("netlify.toml"),
            message: format!("there is no edge function {} in {}", said.function, folder.display()),
        })?;
        place(&said.function, module, said);
    }
    for (name, module) in &modules {
        match own(module)? {
            Some(said) => place(name, module, &said),
            None if declared.iter().any(|said| said.function == *name) => {}
            None => description.ignore(
                module.strip_prefix(base).unwrap_or(module).display().to_string(),
                "an edge function without a path: neither its `config` nor netlify.toml has one",
            ),
        }
    }
    if used.is_empty() {
        return Ok(());
    }
    description.functions.push(function(base, &table, front, used));
    Ok(())
}

/// What a function says of itself, where that is a path.
fn own(module: &Path) -> Result<Option<Declaration>, ProjectError> {
    let text = fs::read_to_string(module).map_err(|source| ProjectError::io("read", module, source))?;
    let wrong = |why: String| ProjectError::Route { file: module.to_owned(), why };
    let Some(value) = literal::exported(&text, "config") else {
        return match text.contains("export const config") {
            true => {
                Err(wrong("its `config` is no literal: ebb reads it without running the function".to_owned()))
            }
            false => Ok(None),
        };
    };
    let said: Declaration =
        serde_json::from_value(value).map_err(|error| wrong(format!("its config: {error}")))?;
    let somewhere = !(said.path.list().is_empty() && said.pattern.list().is_empty());
    Ok(somewhere.then_some(said))
}

/// The line of a function in the program.
fn entry(name: &str, module: &Path, said: &Declaration) -> String {
    let methods: Vec<String> = said.method.list().iter().map(|method| method.to_ascii_uppercase()).collect();
    let options = json!({
        "name": name, "paths": said.path.list(), "patterns": said.pattern.list(),
        "excludedPaths": said.excluded_path.list(), "excludedPatterns": said.excluded_pattern.list(),
        "methods": methods, "headers": said.headers.iter().flatten().collect::<Vec<_>>(), "onError": said.on_error,
    });
    let file = Value::from(format!("../../{}", module.display()));
    format!("  {{ ...{options}, load: () => import({file}) }},\n")
}

fn function(base: &Path, table: &str, front: Vec<Pattern>, entries: Vec<PathBuf>) -> SourceFunction {
    let text = format!("import {{ edge }} from '../deno/netlify.js';\nedge([\n{table}]);\n");
    let program = deno::Program {
        name: NAME.to_owned(),
        module: MODULE.into(),
        config: deno::config_of(base),
        import_map: None,
        entries,
    };
    let package = deno::Package {
        folder: base.to_owned(),
        programs: vec![program],
        generated: BTreeMap::from([(MODULE.to_owned(), text)]),
    };
    let function = package.function(&package.programs[0]);
    SourceFunction { name: NAME.to_owned(), routes: Vec::new(), timeout: TIMEOUT, front, ..function }
}
