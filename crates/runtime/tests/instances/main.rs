//! Instances in real sandboxes: what the invoker sees of them through its port.

mod custom;
mod extensions;
mod failures;
mod managed;
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
    let cases = [managed::CASES, custom::CASES, extensions::CASES, failures::CASES].concat();
    let trials = cases.into_iter().map(|(name, case)| Trial::test(name, move || Ok(case(machine))));
    libtest_mimic::run(&arguments, trials.collect()).exit();
}
