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
  bench [ARGS…]    the benchmark, ours and others side by side; --quick, --json FILE
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let task = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let result = match task.as_str() {
        "check" => check::run(),
        "tidy" => tidy::run(),
        "e2e" => end_to_end::run(&rest),
        "bench" => {
            shell::cargo(["run", "--release", "--quiet", "--package", "ebb-bench", "--"]).args(&rest).run()
        }
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
