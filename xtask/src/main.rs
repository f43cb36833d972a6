//! The project's own tasks. `cargo xtask` lists them.
#![expect(clippy::print_stdout, reason = "a command line tool talks on standard output")]

mod check;
mod deny;
mod edges;
mod end_to_end;
mod postgres;
mod shell;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask TASK

  check            the whole gate: fmt, clippy, tidy, deny, unit and end-to-end tests; what CI runs
  tidy             only the house rules that no other tool checks
  e2e [ARGS…]      only the end-to-end tests; ARGS go to pytest
  compatibility    docs/compatibility.md, from running the platforms' own templates and the examples; --json
  bench [ARGS…]    the benchmark, ours and others side by side; --quick, --json FILE
";

/// Both are built in one go: apart, each would have dependencies of its own, by what features the other does not want.
fn bench(args: &[String]) -> anyhow::Result<()> {
    shell::cargo(["build", "--release", "--package", "ebb", "--package", "ebb-bench"]).run()?;
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
    shell::program(format!("{target}/release/ebb-bench")).args(args).run()
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let task = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let result = match task.as_str() {
        "check" => check::run(),
        "tidy" => tidy::run(),
        "e2e" => end_to_end::run(&rest),
        "compatibility" => end_to_end::compatibility(&rest),
        "bench" => bench(&rest),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
