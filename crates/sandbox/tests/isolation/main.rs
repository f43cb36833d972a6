//! What programs in a sandbox can and cannot do, tried out by programs in real sandboxes.
#![expect(clippy::unwrap_used, reason = "a case that cannot be tried fails")]

mod escape;
mod limits;
mod network;
mod setup;

use libtest_mimic::{Arguments, Trial};

type Case = (&'static str, fn(&setup::Machine));

fn main() {
    if std::env::args().nth(1).as_deref() == Some(ebb_sandbox::Launcher::ARGUMENT) {
        ebb_sandbox::Launcher::run();
    }
    let arguments = Arguments::from_args();
    // Before any thread exists.
    let machine: &'static setup::Machine = Box::leak(Box::new(setup::Machine::new(arguments.list)));
    let cases = [escape::CASES, limits::CASES, network::CASES].concat();
    let trials = cases.into_iter().map(|(name, case)| {
        Trial::test(name, move || {
            case(machine);
            Ok(())
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}
