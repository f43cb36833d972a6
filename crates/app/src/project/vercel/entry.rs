//! Projects that are one application, without a folder `api`: what a framework's own file exports gets every request.
//!
//! Source: the Vercel documentation, "Express on Vercel", "Hono on Vercel", "FastAPI on Vercel" and "Flask on Vercel"
//! (2026-11).

use std::fs;
use std::path::Path;

use regex_lite::Regex;

use super::{node, python};
use crate::project::description::SourceFunction;
use crate::project::server;
use crate::routes::Route;

/// The function of a folder whose application one of the usual files makes.
pub(super) fn find(folder: &Path) -> Option<SourceFunction> {
    let function = javascript(folder).or_else(|| of_python(folder))?;
    Some(SourceFunction { name: String::new(), routes: vec![Route::all()], ..function })
}

fn javascript(folder: &Path) -> Option<SourceFunction> {
    let imports =
        r#"(?:from\s*|require\(\s*|import\(\s*)['"](?:express|hono|koa|fastify|h3|elysia|polka|restify)['"]"#;
    let (imports, exports) =
        (Regex::new(imports).ok()?, Regex::new(r"(?m)^export\s+default|module\.exports\s*=").ok()?);
    for name in ["app", "index", "server", "src/app", "src/index", "src/server"] {
        for extension in ["js", "cjs", "mjs", "ts", "cts", "mts"] {
            let file = folder.join(format!("{name}.{extension}"));
            let Ok(text) = fs::read_to_string(&file) else { continue };
            if !imports.is_match(&text) {
                continue;
            }
            if exports.is_match(&text) {
                return Some(node(folder, "/", &file));
            }
            if text.contains("listen(") {
                return Some(server::function(folder, &format!("node {name}.{extension}")));
            }
        }
    }
    None
}

fn of_python(folder: &Path) -> Option<SourceFunction> {
    let application =
        Regex::new(r"(?m)^(?:app|application|handler)\s*[:=]|^from .* import .*\bapp\b|^class handler\b")
            .ok()?;
    for place in ["", "src/", "app/"] {
        for name in ["app.py", "index.py", "server.py", "main.py", "wsgi.py", "asgi.py"] {
            let file = folder.join(format!("{place}{name}"));
            if fs::read_to_string(&file).is_ok_and(|text| application.is_match(&text)) {
                return Some(python(folder, "/", &file));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::tests::folder;

    fn check(files: &[(&str, &str)], expected: Option<&str>) {
        let found = find(folder(files).path()).map(|function| function.runtime.unwrap_or_default());
        assert_eq!(found.as_deref(), expected, "{files:?}");
    }

    #[test]
    fn what_a_framework_makes_is_an_application() {
        check(&[("index.js", "const express = require('express');\nmodule.exports = app;")], Some("nodejs"));
        check(&[("src/index.ts", "import { Hono } from 'hono'\nexport default app")], Some("nodejs"));
        check(&[("server.js", "import express from \"express\";\napp.listen(3000)")], Some("http"));
        check(&[("index.js", "export default 1")], None);
        check(&[("app.py", "from fastapi import FastAPI\napp = FastAPI()\n")], Some("python"));
        check(&[("src/main.py", "app: FastAPI = FastAPI()\n")], Some("python"));
        check(&[("main.py", "print('app = 1')\n")], None);
    }
}
