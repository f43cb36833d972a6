//! A throw-away PostgreSQL for the tests that hold both stores to one suite.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::shell::{Shell, program};

/// A running server; dropping it stops it and removes its folder.
pub(crate) struct Postgres {
    folder: PathBuf,
    tools: PathBuf,
}

/// Starts one on a socket in a new folder; none where PostgreSQL is not installed.
pub(crate) fn start() -> Result<Option<Postgres>> {
    let Some(tools) = installed() else {
        println!(
            "warning: PostgreSQL is not installed: the store is tested on SQLite only (apt-get install postgresql)"
        );
        return Ok(None);
    };
    let folder = std::env::temp_dir().join(format!("ebb-postgres-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let server = Postgres { folder, tools };
    if is_root() {
        program("chown").args(["postgres"]).args([&server.folder]).run()?;
    }
    server
        .tool("initdb")
        .args(["--auth=trust", "--username=ebb", "--pgdata"])
        .args([server.data()])
        .output()?;
    let options = format!("-k {} -c listen_addresses= -c fsync=off", server.folder.display());
    let log = server.folder.join("log");
    server
        .tool("pg_ctl")
        .args(["start", "--wait", "--options", &options, "--pgdata"])
        .args([server.data()])
        .args(["--log"])
        .args([log])
        .output()?;
    Ok(Some(server))
}

impl Postgres {
    /// Where tests connect.
    pub(crate) fn url(&self) -> String {
        format!("postgres://ebb@localhost/postgres?host={}", self.folder.display())
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// One of its tools; PostgreSQL refuses to run as root, so root becomes `postgres` for it.
    fn tool(&self, name: &str) -> Shell {
        let path = self.tools.join(name);
        if is_root() { program("runuser").args(["-u", "postgres", "--"]).args([path]) } else { program(path) }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let stop = self.tool("pg_ctl").args(["stop", "--mode=immediate", "--pgdata"]).args([self.data()]);
        if let Err(error) = stop.output() {
            eprintln!("warning: {error:#}");
        }
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            eprintln!("warning: {}: {error}", self.folder.display());
        }
    }
}

/// The newest installed server's folder of tools.
fn installed() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .collect();
    versions.retain(|tools| tools.join("initdb").exists());
    versions.sort();
    versions.pop()
}

fn is_root() -> bool {
    // The owner of this process's own folder in /proc is its effective user.
    std::os::unix::fs::MetadataExt::uid(&match std::fs::metadata(Path::new("/proc/self")) {
        Ok(metadata) => metadata,
        Err(_) => return false,
    }) == 0
}
