//! What `sam build` would make of a function before it is deployed: bundled by esbuild where its `Metadata` asks for it.
//!
//! Source: the AWS SAM developer guide, "Building Node.js Lambda functions with esbuild in AWS SAM" (2026-11). What else
//! can be built is refused with what to do; what is built already is deployed from the folder that it was built in.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::ProjectError;
use super::pack::{Files, Zipped};
use super::scratch::Scratch;
use super::{bundle, esbuild};
use crate::template::Node;

/// What to do where a function has to be built by another tool.
const BUILD_FIRST: &str = "run `sam build`, then deploy the folder .aws-sam/build";
/// What a handler's module may be written in.
const EXTENSIONS: [&str; 4] = ["ts", "js", "mjs", "tsx"];

/// How a function is bundled.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Esbuild {
    entries: Vec<String>,
    options: Vec<String>,
}

impl Esbuild {
    /// Bundling of these modules.
    pub(super) fn new(entries: Vec<String>, options: Vec<String>) -> Self {
        Self { entries, options }
    }

    /// What the `Metadata` of a function asks for; none where it asks for nothing. `handler` names the module that is
    /// bundled unless it names others.
    ///
    /// # Errors
    /// What cannot be built here, for people.
    pub(super) fn of(metadata: Option<&Node>, code: &Path, handler: &str) -> Result<Option<Self>, String> {
        let Some(method) = metadata.and_then(|metadata| metadata.get("BuildMethod")) else { return Ok(None) };
        let method = method.as_str().unwrap_or_default();
        if method != "esbuild" {
            return Err(format!("BuildMethod {method} is not run here: {BUILD_FIRST}"));
        }
        let properties = metadata.and_then(|metadata| metadata.get("BuildProperties"));
        let entries = match properties.and_then(|properties| properties.get("EntryPoints")) {
            Some(entries) => texts(entries),
            None => vec![entry_of(code, handler)?],
        };
        let mut options = [
            "--platform=node",
            "--format=cjs",
            "--target=es2020",
            "--main-fields=main,module",
            "--minify=true",
        ]
        .map(str::to_owned)
        .to_vec();
        for property in properties.into_iter().flat_map(Node::entries) {
            options.extend(options_of(&property.key, &property.value)?);
        }
        Ok(Some(Self { entries, options }))
    }

    /// Bundles the code of a folder into a package. Packages that it lacks are installed where `install` is.
    ///
    /// # Errors
    /// As [`esbuild::run`], and where what it makes cannot be read.
    pub(super) fn pack(
        &self,
        code: &Path,
        install: bool,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Zipped, ProjectError> {
        let out = Scratch::new()?;
        let mut arguments = self.entries.clone();
        arguments.extend(self.options.iter().cloned());
        arguments.push(format!("--outdir={}", out.path().display()));
        bundle::with_packages(code, install, progress, |packages, progress| {
            esbuild::run(code, &arguments, packages, progress)
        })?;
        let mut files = Files::default();
        for path in made(out.path())? {
            let name = path.strip_prefix(out.path()).unwrap_or(&path).display().to_string();
            let content = fs::read(&path).map_err(|source| ProjectError::io("read", &path, source))?;
            files.add(name, content);
        }
        files.zip(code)
    }
}

/// The options of esbuild that a property stands for; a later one of a name takes the place of a former.
fn options_of(name: &str, value: &Node) -> Result<Vec<String>, String> {
    let each = |option: &str| texts(value).iter().map(|text| format!("--{option}:{text}")).collect();
    let one = |option: &str| vec![format!("--{option}={}", texts(value).join(","))];
    Ok(match name {
        "EntryPoints" => Vec::new(),
        "External" => each("external"),
        "Loader" => each("loader"),
        "OutExtension" => each("out-extension"),
        "Format" => one("format"),
        "MainFields" => one("main-fields"),
        "Minify" => one("minify"),
        "Sourcemap" if texts(value) == ["true"] => vec!["--sourcemap".to_owned()],
        "Sourcemap" => Vec::new(),
        "SourcesContent" => one("sources-content"),
        "Target" => one("target"),
        _ => return Err(format!("BuildProperties: {name} is not known here: {BUILD_FIRST}")),
    })
}

/// The texts of a list, or of the one that stands for it.
fn texts(node: &Node) -> Vec<String> {
    match node.as_list() {
        Some(list) => list.iter().filter_map(Node::scalar).collect(),
        None => node.scalar().into_iter().collect(),
    }
}

/// The module of a handler.
fn entry_of(code: &Path, handler: &str) -> Result<String, String> {
    let module = handler.rsplit_once('.').map_or(handler, |(module, _)| module);
    let mut names = EXTENSIONS.iter().map(|extension| format!("{module}.{extension}"));
    names.find(|name| code.join(name).is_file()).ok_or_else(|| {
        format!("there is no {module}.ts or {module}.js in {} for the handler {handler}", code.display())
    })
}

/// All files below a folder.
fn made(folder: &Path) -> Result<Vec<PathBuf>, ProjectError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|source| ProjectError::io("read", folder, source))?.flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(made(&path)?) } else { found.push(path) }
    }
    Ok(found)
}

/// What is wrong with code that was not compiled; none where it was, or the code is of a kind that is not.
pub(super) fn uncompiled(code: &Path, runtime: &str, handler: &str) -> Option<String> {
    if !code.is_dir() {
        return None;
    }
    let language = if runtime.starts_with("java") {
        let compiled = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "class" || kind == "jar");
        (!made(code).is_ok_and(|files| files.iter().any(compiled))).then_some("Java")
    } else if runtime.starts_with("provided") || runtime == "go1.x" {
        let sources = [("go.mod", "Go"), ("Cargo.toml", "Rust")];
        let [program, own] = [code.join("bootstrap"), code.join(handler)];
        let found = sources.into_iter().find(|(marker, _)| code.join(marker).is_file());
        found.filter(|_| !program.is_file() && !own.is_file()).map(|(_, language)| language)
    } else {
        None
    };
    language.map(|language| format!("{} holds no compiled code of {language}: {BUILD_FIRST}", code.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::tests::folder;
    use crate::template::parse;

    fn of(metadata: &str) -> Result<Option<Esbuild>, String> {
        let folder = folder(&[("src/app.ts", "")]);
        let metadata = parse(metadata).unwrap();
        Esbuild::of(Some(&metadata), folder.path(), "src/app.handler")
    }

    #[test]
    fn properties_become_options() {
        let asked = of(
            "BuildMethod: esbuild\nBuildProperties:\n  Minify: false\n  Sourcemap: true\n  External: [a, b]\n",
        );
        let asked = asked.unwrap().unwrap();
        assert_eq!(asked.entries, ["src/app.ts"]);
        for option in ["--minify=false", "--sourcemap", "--external:a", "--external:b", "--format=cjs"] {
            assert!(asked.options.iter().any(|it| it == option), "{option} is not in {:?}", asked.options);
        }
        let named = of("BuildMethod: esbuild\nBuildProperties:\n  EntryPoints: [x.ts]\n").unwrap().unwrap();
        assert_eq!(named.entries, ["x.ts"]);
    }

    #[test]
    fn what_cannot_be_built_says_what_to_do() {
        assert_eq!(of("Other: 1\n"), Ok(None));
        let check = |metadata: &str, names: &str| {
            let refused = of(metadata).unwrap_err();
            assert!(refused.contains(names) && refused.contains("sam build"), "{refused}");
        };
        check("BuildMethod: makefile\n", "makefile");
        check("BuildMethod: esbuild\nBuildProperties:\n  Colour: red\n", "Colour");
        let sources = folder(&[("src/App.java", "")]);
        let said = |code: &Path, runtime: &str| uncompiled(code, runtime, "main");
        assert!(said(sources.path(), "java21").is_some_and(|said| said.contains("sam build")));
        assert_eq!(said(sources.path(), "nodejs22.x"), None);
        let compiled = folder(&[("lib/app.jar", "")]);
        assert_eq!(said(compiled.path(), "java21"), None);
        let go = folder(&[("go.mod", ""), ("main.go", "")]);
        assert!(said(go.path(), "provided.al2023").is_some_and(|said| said.contains("code of Go")));
        for program in ["bootstrap", "main"] {
            let built = folder(&[("go.mod", ""), (program, "")]);
            assert_eq!(said(built.path(), "go1.x"), None);
        }
    }
}
