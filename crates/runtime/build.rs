//! Lists the files of the boots, so that the binary can carry them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The boots, and the extensions of the files that make them; anything else there is documentation or tests.
const BOOTS: &[&str] = &["node", "python", "java", "ruby"];
const EXTENSIONS: &[&str] = &["py", "mjs", "cjs", "js", "java", "rb"];
const NOT_BOOTS: &[&str] = &["test", "tests", "node_modules", "__pycache__"];

fn main() -> io::Result<()> {
    let runtimes =
        PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../../runtimes");
    let runtimes = runtimes.canonicalize()?;
    let mut code = String::from("&[\n");
    for boot in BOOTS {
        let folder = runtimes.join(boot);
        println!("cargo:rerun-if-changed={}", folder.display());
        let mut files = Vec::new();
        if folder.is_dir() {
            list(&folder, &mut files)?;
        }
        files.sort();
        for file in files {
            let name = file.strip_prefix(&runtimes).unwrap_or(&file).display().to_string();
            let _ =
                writeln!(code, "    ({name:?}, include_bytes!({:?}) as &[u8]),", file.display().to_string());
        }
    }
    code.push(']');
    fs::write(PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("boots.rs"), code)
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !NOT_BOOTS.contains(&name.as_str()) {
                list(&path, files)?;
            }
        } else if path.extension().is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known))
            && !name.contains(".test.")
        {
            files.push(path);
        }
    }
    Ok(())
}
