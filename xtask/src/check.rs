//! The whole gate, the same by hand and in CI.

use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::shell::{cargo, program};
use crate::{deny, end_to_end, postgres, tidy};

/// Runs every check; stops at the first that fails.
pub(crate) fn run() -> Result<()> {
    step("fmt", || cargo(["fmt", "--all", "--check"]).run())?;
    step("tidy", tidy::run)?;
    step("clippy", || {
        cargo(["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]).run()
    })?;
    step("deny", deny::run)?;
    step("unit and integration tests", unit_tests)?;
    step("documentation", || {
        cargo(["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings").run()
    })?;
    step("end-to-end tests", || end_to_end::run(&[]))
}

fn step(name: &str, check: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("== {name}");
    let start = Instant::now();
    check().with_context(|| name.to_owned())?;
    println!("== {name}: ok in {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// `cargo nextest` where it is installed, else `cargo test`; both stores, where PostgreSQL is installed.
fn unit_tests() -> Result<()> {
    let database = postgres::start()?;
    let mut tests = if program("cargo-nextest").args(["--version"]).succeeds() {
        cargo(["nextest", "run", "--workspace", "--no-fail-fast"])
    } else {
        cargo(["test", "--workspace", "--no-fail-fast"])
    };
    if let Some(database) = &database {
        tests = tests.env("EBB_TEST_POSTGRES_URL", database.url());
    }
    tests.run()
}
