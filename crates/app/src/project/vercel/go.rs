//! Functions in Go: each file of `api` exports one, which becomes a server of its own.
//!
//! Source: the Vercel documentation, "Go runtime" (2026-11). The project's folder stays as it is: the compiler sees what is
//! generated through an overlay (`go help build`, `-overlay`).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use regex_lite::Regex;
use serde_json::json;

use super::{TIMEOUT, name_of};
use crate::project::description::SourceFunction;
use crate::project::error::ProjectError;
use crate::project::{server, tool};

/// The program, in its package.
const PROGRAM: &str = "function";

/// The function of a file, which is built at the deploy.
pub(super) fn function(root: &Path, path: &str, file: &Path) -> Result<SourceFunction, ProjectError> {
    let text = fs::read_to_string(file).map_err(|source| ProjectError::io("read", file, source))?;
    let wrong = |why: &str| ProjectError::Route { file: file.to_owned(), why: why.to_owned() };
    let exported = exported(&text).ok_or_else(|| {
        wrong("it exports no function like `func Handler(w http.ResponseWriter, r *http.Request)`")
    })?;
    if !is_there("go") {
        return Err(wrong("it is a function in Go: install Go (https://go.dev/dl), which builds it"));
    }
    let name = name_of(path);
    let work = tool::work_folder("go", root).join(&name);
    let overlay = overlay(root, &name, &text, &exported);
    let mut replaced = BTreeMap::new();
    fs::create_dir_all(work.join("out")).map_err(|source| ProjectError::io("make", &work, source))?;
    for (number, (place, text)) in overlay.into_iter().enumerate() {
        let generated = work.join(format!("{number}.txt"));
        fs::write(&generated, text).map_err(|source| ProjectError::io("write", &generated, source))?;
        replaced.insert(root.join(place).display().to_string(), generated.display().to_string());
    }
    let list = work.join("overlay.json");
    let text = json!({ "Replace": replaced }).to_string();
    fs::write(&list, text).map_err(|source| ProjectError::io("write", &list, source))?;
    let command = format!(
        "CGO_ENABLED=0 go build -mod=mod -overlay {} -o {} ./{}",
        server::quoted(&list.display().to_string()),
        server::quoted(&work.join("out").join(PROGRAM).display().to_string()),
        folder_of(&name),
    );
    let function = server::function(root, &format!("./{PROGRAM}"));
    Ok(SourceFunction {
        name,
        package: work.join("out"),
        build: Some(command),
        routes: Vec::new(),
        timeout: TIMEOUT,
        ..function
    })
}

/// Whether this machine has a program.
fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The name of the function that a file exports.
fn exported(text: &str) -> Option<String> {
    let function = Regex::new(r"(?m)^func\s+([A-Z]\w*)\s*\(\s*\w+\s+http\.ResponseWriter\b").ok()?;
    Some(function.captures(text)?[1].to_owned())
}

/// Where the program of a function is, in the project as the compiler sees it.
fn folder_of(name: &str) -> String {
    format!("ebb_{}", name.replace('-', "_"))
}

/// The generated files, by their place in the project.
fn overlay(root: &Path, name: &str, text: &str, exported: &str) -> Vec<(String, String)> {
    let manifest = fs::read_to_string(root.join("go.mod")).ok();
    let said =
        manifest.iter().flat_map(|text| text.lines()).find_map(|line| line.trim().strip_prefix("module "));
    let module = said.map_or("function", str::trim);
    let folder = folder_of(name);
    let mut lines: Vec<&str> = text.lines().collect();
    if let Some(package) = lines.iter_mut().find(|line| line.starts_with("package ")) {
        *package = "package handler";
    }
    let main = format!(
        "package main\n\nimport (\n\t\"log\"\n\t\"net/http\"\n\t\"os\"\n\n\thandler \"{module}/{folder}/handler\"\n)\n\n\
         func main() {{\n\tlog.Fatal(http.ListenAndServe(\":\"+os.Getenv(\"PORT\"), http.HandlerFunc(handler.{exported})))\n}}\n"
    );
    let mut files = vec![
        (format!("{folder}/main.go"), main),
        (format!("{folder}/handler/handler.go"), lines.join("\n") + "\n"),
    ];
    if manifest.is_none() {
        files.push(("go.mod".to_owned(), "module function\n\ngo 1.21\n".to_owned()));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::tests::folder;

    const SOURCE: &str = "package api\n\nimport \"net/http\"\n\nfunc helper() {}\n\nfunc Date(w http.ResponseWriter, r *http.Request) {}\n";

    #[test]
    fn a_program_is_generated_around_the_exported_function() {
        let project = folder(&[("go.mod", "module example.org/site\n\ngo 1.22\n"), ("api/date.go", SOURCE)]);
        let files = overlay(project.path(), "api-date", SOURCE, &exported(SOURCE).unwrap());
        let [(main, program), (handler, source)] = files.as_slice() else { panic!("{files:?}") };
        assert_eq!(
            (main.as_str(), handler.as_str()),
            ("ebb_api_date/main.go", "ebb_api_date/handler/handler.go")
        );
        assert!(
            program.contains("handler \"example.org/site/ebb_api_date/handler\"")
                && program.contains("handler.Date")
        );
        assert!(source.starts_with("package handler\n"));
    }

    #[test]
    fn what_exports_nothing_is_refused() {
        assert_eq!(exported("package api\nfunc helper(w http.ResponseWriter, r *http.Request) {}\n"), None);
    }
}
