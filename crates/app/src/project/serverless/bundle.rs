//! Handlers that are bundled before they are packed: those in TypeScript, and those of services that ask for it.
//!
//! Source: Serverless Framework documentation, "Building" (v4), and the README of serverless-esbuild (2026-11).

use std::path::Path;

use crate::project::sam_build::Esbuild;
use crate::template::Node;

/// Plugins that bundle handlers, each in its own way; all of them become one way here.
const PLUGINS: &[&str] =
    &["serverless-esbuild", "serverless-bundle", "serverless-webpack", "serverless-plugin-typescript"];

/// How the module of a handler is bundled; none where it is packed as it is.
pub(super) fn of(root: &Node, folder: &Path, handler: &str) -> Option<Esbuild> {
    let module = handler.rsplit_once('.').map_or(handler, |(module, _)| module).trim_start_matches("./");
    let file = |extensions: &[&str]| {
        let mut names = extensions.iter().map(|extension| format!("{module}.{extension}"));
        names.find(|name| folder.join(name).is_file())
    };
    let (plain, typed) = (file(&["js", "mjs", "cjs"]), file(&["ts", "mts", "cts", "tsx"]));
    let section = |outer: &str| root.get(outer).and_then(|outer| outer.get("esbuild")).cloned();
    let settings = section("build").or_else(|| section("custom"));
    let plugin = |node: &Node| node.scalar().is_some_and(|name| PLUGINS.contains(&name.as_str()));
    let asked = settings.as_ref().is_some_and(|settings| settings.scalar().as_deref() != Some("false"))
        || root.get("plugins").and_then(Node::as_list).is_some_and(|plugins| plugins.iter().any(plugin));
    let entry = match (plain, typed) {
        (Some(plain), _) if asked => plain,
        (None, Some(typed)) => typed,
        _ => return None,
    };
    let mut options = vec![
        "--platform=node".to_owned(),
        "--format=cjs".to_owned(),
        "--target=node20".to_owned(),
        "--main-fields=module,main".to_owned(),
        "--keep-names".to_owned(),
        format!("--outbase={}", folder.display()),
        "--external:@aws-sdk/*".to_owned(),
        "--external:aws-sdk".to_owned(),
    ];
    for setting in settings.iter().flat_map(Node::entries) {
        options.extend(options_of(&setting.key, &setting.value));
    }
    Some(Esbuild::new(vec![entry], options))
}

/// The options of esbuild that a setting stands for; others are of no matter here.
fn options_of(name: &str, value: &Node) -> Vec<String> {
    let text = value.scalar().unwrap_or_default();
    let pairs = |option: &str| {
        let entries = value.entries().iter();
        entries.filter_map(|one| Some(format!("--{option}:{}={}", one.key, one.value.scalar()?))).collect()
    };
    match name {
        "external" | "exclude" => {
            let names = value.as_list().unwrap_or_default().iter().filter_map(Node::scalar);
            names.map(|name| format!("--external:{name}")).collect()
        }
        "minify" if text == "true" => vec!["--minify".to_owned()],
        "sourcemap" if text != "false" => vec!["--sourcemap".to_owned()],
        "target" if !text.is_empty() => vec![format!("--target={text}")],
        "define" => pairs("define"),
        "loader" => pairs("loader"),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::parse;

    #[test]
    fn handlers_in_typescript_are_bundled_and_others_where_it_is_asked_for() {
        let folder = crate::project::tests::folder(&[("src/typed.ts", ""), ("plain.js", "")]);
        let check = |root: &str, handler: &str, expected: bool| {
            let made = of(&parse(root).unwrap(), folder.path(), handler);
            assert_eq!(made.is_some(), expected, "{root} {handler}");
        };
        check("service: a", "src/typed.handler", true);
        check("service: a", "plain.handler", false);
        check("plugins: [serverless-esbuild]", "plain.handler", true);
        check("plugins: [serverless-offline]", "plain.handler", false);
        check("build: {esbuild: {minify: true}}", "plain.handler", true);
        check("build: {esbuild: false}", "plain.handler", false);
        check("service: a", "missing.handler", false);
    }
}
