//! What a function needs of the server beside its runtime: the AWS SDK that it imports and does not package, or what
//! runs TypeScript.
//!
//! Lambda's managed runtimes bring the SDK; here it is a layer that is installed once. Reads the text of sources only, so
//! it may miss an import that is made up at run time, and take one in a comment for real.

use std::fs;
use std::path::Path;

/// What a server that cannot run TypeScript is asked for.
pub(super) const TYPESCRIPT: &str = "typescript";

/// Whether the file that a handler of Node.js is in exists as TypeScript alone.
pub(super) fn is_typescript(package: &Path, runtime: &str, handler: &str) -> bool {
    let module = handler.rsplit_once('.').map_or(handler, |(module, _)| module);
    let any = |extensions: &[&str]| {
        extensions.iter().any(|extension| package.join(format!("{module}.{extension}")).is_file())
    };
    runtime.starts_with("nodejs") && any(&["ts", "mts", "cts"]) && !any(&["js", "mjs", "cjs"])
}

/// The layer that a function wants: a name that `ebb runtimes add` knows.
pub(super) fn wanted(package: &Path, runtime: &str) -> Option<&'static str> {
    let (layer, extensions, packaged, imports): (_, &[&str], _, fn(&str) -> bool) = match runtime {
        _ if runtime.starts_with("python") => ("python-sdk", &["py"], "boto3", python_imports),
        _ if runtime.starts_with("nodejs") => {
            let extensions = &["mjs", "js", "cjs", "ts", "mts"];
            ("node-sdk", extensions, "node_modules/@aws-sdk", |text| text.contains("@aws-sdk/"))
        }
        _ => return None,
    };
    (!package.join(packaged).exists() && mentions(package, extensions, imports, 0)).then_some(layer)
}

/// Whether a line imports the SDK: alone, under another name, or in a list.
fn python_imports(text: &str) -> bool {
    let is_sdk = |module: &str| {
        let name = module.split(|c: char| c == '.' || c.is_whitespace()).next().unwrap_or_default();
        name == "boto3" || name == "botocore"
    };
    let import = |line: &str| match line.split_once(char::is_whitespace) {
        Some(("import", modules)) => modules.split(',').any(|module| is_sdk(module.trim())),
        Some(("from", module)) => is_sdk(module.trim()),
        _ => false,
    };
    text.lines().flat_map(|line| line.split(';')).any(|statement| import(statement.trim()))
}

/// Whether a source below `folder` imports it. Packages of others are not looked into, nor folders nested
/// deeper than anybody's own sources are.
fn mentions(folder: &Path, extensions: &[&str], imports: fn(&str) -> bool, depth: u32) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() {
            let own = name != "node_modules" && !name.to_string_lossy().starts_with('.');
            return own && depth < 6 && mentions(&path, extensions, imports, depth + 1);
        }
        let is_source =
            path.extension().is_some_and(|extension| extensions.iter().any(|known| extension == *known));
        is_source && fs::read_to_string(&path).is_ok_and(|text| imports(&text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)], runtime: &str, expected: Option<&str>) {
        let folder = crate::project::tests::folder(files);
        assert_eq!(wanted(folder.path(), runtime), expected, "{files:?}");
    }

    #[test]
    fn handlers_in_typescript_are_told_from_those_that_are_compiled() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("index.ts"), "").unwrap();
        assert!(is_typescript(folder.path(), "nodejs20.x", "index.handler"));
        assert!(!is_typescript(folder.path(), "nodejs20.x", "other.handler"));
        assert!(!is_typescript(folder.path(), "python3.11", "index.handler"));
        fs::write(folder.path().join("index.js"), "").unwrap();
        assert!(!is_typescript(folder.path(), "nodejs20.x", "index.handler"));
    }

    #[test]
    fn imports_that_are_not_packaged_are_found() {
        check(&[("app.py", "import boto3\n")], "python3.11", Some("python-sdk"));
        check(
            &[("app.py", "x = 1\n"), ("lib/db.py", "from botocore import config\n")],
            "python",
            Some("python-sdk"),
        );
        check(&[("app.py", "import boto3\n"), ("boto3/__init__.py", "")], "python3.11", None);
        check(&[("app.py", "import json\n")], "python3.11", None);
        check(&[("app.py", "    import json, os, boto3\n")], "python3.11", Some("python-sdk"));
        check(&[("app.py", "import json; import boto3 as aws\n")], "python3.11", Some("python-sdk"));
        check(&[("app.py", "import boto3_stubs\n")], "python3.11", None);
        let import = "import { S3Client } from \"@aws-sdk/client-s3\";";
        check(&[("index.mjs", import)], "nodejs20.x", Some("node-sdk"));
        check(&[("index.mjs", import), ("node_modules/@aws-sdk/client-s3/x.js", "")], "nodejs", None);
        check(&[("index.mjs", ""), ("node_modules/other/x.js", import)], "nodejs", None);
        check(&[("bootstrap", import)], "provided.al2023", None);
    }
}
