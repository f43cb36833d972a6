//! A project that is a template of CloudFormation or SAM: its local code is packed, the rest is the server's business.

mod nested;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use ebb_model::Digest;

use super::description::Description;
use super::error::ProjectError;
use super::install::Added;
use super::sam_build::{self, Esbuild};
use super::{Package, Packed, Project, pack, sdk};
use crate::plan::{Ignored, Plan};
use crate::stack::StackInput;
use crate::template::{Fault, Node, included, included_locations, parse};

/// The types whose code may be local, with the property that says where.
const CODE: &[(&str, &str)] = &[
    ("AWS::Serverless::Function", "CodeUri"),
    ("AWS::Serverless::LayerVersion", "ContentUri"),
    ("AWS::Lambda::Function", "Code"),
    ("AWS::Lambda::LayerVersion", "Content"),
];

/// The template in a folder. Other tools use these file names too: it says in its text that it is one.
pub(super) fn find(folder: &Path) -> Option<PathBuf> {
    let names = ["template.yaml", "template.yml", "template.json"];
    let path = names.iter().map(|name| folder.join(name)).find(|path| path.is_file())?;
    let text = fs::read_to_string(&path).ok()?;
    let is_one = text.contains("AWSTemplateFormatVersion")
        || text.contains("AWS::Serverless-2016-10-31")
        || (text.contains("Resources") && text.contains("AWS::"));
    is_one.then_some(path)
}

/// A project that is a template.
pub(super) fn describe(_: &Path, template: &Path) -> Result<Description, ProjectError> {
    Ok(Description { template: Some((pack, template.to_owned())), ..Description::default() })
}

/// Packs the code that a template names by local paths.
fn pack(project: &Project, path: &Path, progress: &mut dyn FnMut(&str)) -> Result<Packed, ProjectError> {
    let text = fs::read_to_string(path).map_err(|source| ProjectError::io("read", path, source))?;
    let wrong = |fault| ProjectError::Template { path: path.to_owned(), fault };
    let root = parse(&text).map_err(wrong)?;
    let root_folder = path.parent().unwrap_or(Path::new("."));
    let with_parts = with_parts(&root, root_folder).map_err(wrong)?;
    let flat = nested::flattened(with_parts.as_ref().unwrap_or(&root), root_folder).map_err(wrong)?;
    let flat = flat.or(with_parts);
    let generated = flat.is_some();
    let (root, text) = match flat {
        Some(flat) => {
            let text = flat.to_json().to_string();
            (flat, text)
        }
        None => (root, text),
    };
    let globals = root.get("Globals").and_then(|globals| globals.get("Function"));
    let mut packages = BTreeMap::new();
    let mut made = BTreeMap::<(PathBuf, Option<Esbuild>), Package>::new();
    let (mut ignored, mut sdks) = (Vec::new(), BTreeSet::new());
    for entry in root.get("Resources").into_iter().flat_map(Node::entries) {
        let kind = entry.value.get("Type").and_then(Node::as_str).unwrap_or_default();
        let Some((_, property)) = CODE.iter().find(|(known, _)| *known == kind) else { continue };
        let nothing = Node::map(entry.line, []);
        let properties = entry.value.get("Properties").unwrap_or(&nothing);
        let Some((local, line)) = local_code(kind, property, properties, globals) else { continue };
        let code = root_folder.join(&local);
        let own = |name: &str| properties.get(name).or_else(|| globals.and_then(|globals| globals.get(name)));
        let fault = |message: String| {
            let message = format!("{property} of {}: {message}", entry.key);
            wrong(Fault { line, message })
        };
        if !code.exists() {
            return Err(fault(format!("there is no {}", code.display())));
        }
        let text = |name: &str| own(name).and_then(Node::as_str).unwrap_or_default();
        if let Some(said) = sam_build::uncompiled(&code, text("Runtime"), text("Handler")) {
            return Err(fault(said));
        }
        let esbuild = Esbuild::of(entry.value.get("Metadata"), &code, text("Handler")).map_err(fault)?;
        let key = (code.clone(), esbuild);
        let package =
            match made.get(&key) {
                Some(package) => package.clone(),
                None => {
                    progress(&format!("packing {}", entry.key));
                    let pack::Zipped { zip, ignored: left_out } = match &key.1 {
                        Some(esbuild) => esbuild.pack(&code, project.install, progress)?,
                        None => zipped(&code, &project.dependencies(&code, text("Runtime"), progress)?)?,
                    };
                    ignored.extend(left_out.into_iter().map(|(path, reason)| Ignored {
                        path: project.shown(&path),
                        reason: reason.to_owned(),
                    }));
                    let package = Package { digest: Digest::of(&zip), zip };
                    made.insert(key, package.clone());
                    package
                }
            };
        if let Some(runtime) = own("Runtime").and_then(Node::as_str)
            && code.is_dir()
        {
            sdks.extend(sdk::wanted(&code, runtime));
        }
        packages.insert(entry.key.clone(), package.digest);
    }
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stack = StackInput { file, template: text, packages, generated, ..StackInput::default() };
    let plan = Plan { stack: Some(stack), ignored, ..Plan::new(&project.name) };
    plan.check()?;
    Ok(Packed { plan, packages: made.into_values().collect(), sdks })
}

/// A template with the files that it includes, or none where it includes none.
fn with_parts(root: &Node, folder: &Path) -> Result<Option<Node>, Fault> {
    let is_local =
        |location: &str| !["s3://", "https://", "http://"].iter().any(|scheme| location.starts_with(scheme));
    if !included_locations(root).iter().any(|location| is_local(location)) {
        return Ok(None);
    }
    let mut load = |location: &str, line: u32| {
        if !is_local(location) {
            return Ok(None);
        }
        let text = fs::read_to_string(folder.join(location))
            .map_err(|error| Fault::new(line, format!("cannot include {location}: {error}")))?;
        parse(&text).map(Some).map_err(|fault| Fault::new(line, format!("{location}: {fault}")))
    };
    included(root.clone(), &mut load).map(Some)
}

/// The local path of a resource's code, and the line that says it; nothing where its code is elsewhere.
fn local_code(
    kind: &str,
    property: &str,
    properties: &Node,
    globals: Option<&Node>,
) -> Option<(String, u32)> {
    let serverless = kind == "AWS::Serverless::Function";
    let global = globals.filter(|_| serverless);
    let said = |name: &str| properties.get(name).or_else(|| global.and_then(|globals| globals.get(name)));
    if serverless && (said("InlineCode").is_some() || said("ImageUri").is_some()) {
        return None;
    }
    match said(property) {
        Some(node) => {
            let path = node.as_str()?;
            let elsewhere = path.starts_with("s3://") || path.starts_with("https://");
            (!elsewhere).then(|| (path.to_owned(), node.line))
        }
        None => serverless.then(|| (".".to_owned(), properties.line)),
    }
}

/// A folder is zipped, a zip goes as it is.
fn zipped(code: &Path, added: &[Added]) -> Result<pack::Zipped, ProjectError> {
    let is_zip = code.extension().is_some_and(|extension| extension == "zip" || extension == "jar");
    if code.is_file() && is_zip {
        let zip = fs::read(code).map_err(|source| ProjectError::io("read", code, source))?;
        return Ok(pack::Zipped { zip: zip.into(), ignored: Vec::new() });
    }
    pack::zip(code, &BTreeMap::new(), added)
}
