//! Instances in real sandboxes: what the invoker sees of them through its port.

mod custom;
mod extensions;
mod failures;
mod managed;
mod packages;
mod servers;
mod setup;
mod stock;

use libtest_mimic::{Arguments, Trial};

type Case = (&'static str, fn(&setup::Machine));

fn main() {
    if std::env::args().nth(1).as_deref() == Some(ebb_sandbox::Launcher::ARGUMENT) {
        ebb_sandbox::Launcher::run();
    }
    let arguments = Arguments::from_args();
    // Before any thread exists.
    let machine: &'static setup::Machine = Box::leak(Box::new(setup::Machine::new(arguments.list)));
    let cases =
        [managed::CASES, custom::CASES, extensions::CASES, failures::CASES, servers::CASES, stock::CASES]
            .concat();
    let usual = cases.into_iter().map(|(name, case)| trial(machine, name, case));
    // These need the package registries: they run when they are asked for.
    let others =
        packages::CASES.iter().map(|(name, case)| trial(machine, name, *case).with_ignored_flag(true));
    libtest_mimic::run(&arguments, usual.chain(others).collect()).exit();
}

fn trial(machine: &'static setup::Machine, name: &str, case: fn(&setup::Machine)) -> Trial {
    Trial::test(name, move || {
        case(machine);
        Ok(())
    })
}
