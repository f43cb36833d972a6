//! Licences, sources and known advisories of what we depend on, by `cargo deny` and `deny.toml`.

use anyhow::Result;

use crate::shell::{cache, program};

const VERSION: &str = "0.20.2";

/// Installs `cargo deny` into the cache where it is missing, then runs it.
pub(crate) fn run() -> Result<()> {
    let tools = cache().join("tools");
    let binary = tools.join("bin/cargo-deny");
    if !binary.exists() {
        println!("installing cargo-deny {VERSION} into {}", tools.display());
        let install = ["install", "--quiet", "--locked", "--version", VERSION, "cargo-deny", "--root"];
        program("cargo").args(install).args([&tools]).env("CARGO_TARGET_DIR", tools.join("target")).run()?;
        // Its build folder is half a gigabyte that nobody needs again.
        std::fs::remove_dir_all(tools.join("target"))?;
    }
    let deny = || program(&binary).args(["--log-level", "error", "check", "--hide-inclusion-graph"]);
    deny().args(["licenses", "bans", "sources"]).run()?;
    if program(&binary).args(["--log-level", "off", "fetch", "db"]).succeeds() {
        deny().args(["--disable-fetch", "advisories"]).run()
    } else {
        println!("warning: the advisory database cannot be fetched from here: advisories were not checked");
        Ok(())
    }
}
