//! What a sandbox may use up, and what is left of it.

use std::fs;
use std::io::Read;
use std::time::Duration;

use ebb_sandbox::{ExitStatus, Limits, SandboxSpec};

use crate::Case;
use crate::setup::{Machine, python, spec, start};

pub(crate) const CASES: &[Case] = &[
    ("processes_are_limited", processes_are_limited),
    ("memory_is_limited", memory_is_limited),
    ("the_peak_of_memory_is_known_as_it_grows", the_peak_of_memory_is_known),
    ("tmp_is_limited_and_empty_each_time", tmp_is_limited_and_empty_each_time),
    ("tmp_is_no_memory_where_it_can_be_disk", tmp_is_no_memory),
    ("nothing_outlives_its_sandbox", nothing_outlives_its_sandbox),
    ("a_sandbox_that_is_given_up_while_it_starts_leaves_nothing", given_up_while_starting),
    ("a_frozen_sandbox_can_be_destroyed", a_frozen_sandbox_can_be_destroyed),
    ("a_frozen_sandbox_goes_to_swap_where_there_is_any", a_frozen_sandbox_goes_to_swap),
    ("many_sandboxes_one_after_another_leave_nothing", many_leave_nothing),
];

fn processes_are_limited(machine: &Machine) {
    let bomb = "import os, time\n\
        made = 0\n\
        try:\n\
        \x20   while made < 1000:\n\
        \x20       if os.fork() == 0: os.close(1); os.close(2); time.sleep(30); os._exit(0)\n\
        \x20       made += 1\n\
        except OSError: pass\n\
        print(made)\n";
    machine.run(async {
        let ended = machine.python(spec(), bomb).await;
        let made: u32 = ended.printed.trim().parse().unwrap();
        assert!((20..=64).contains(&made), "{made}");
        assert_eq!(machine.python(spec(), "print(1)").await.printed, "1\n");
    });
}

fn memory_is_limited(machine: &Machine) {
    let own = "x = []\nfor _ in range(600): x.append(bytearray(b'x') * (1 << 20))\n";
    let shared = "import mmap\nx = []\nfor _ in range(600):\n\
        \x20   m = mmap.mmap(-1, 1 << 20); m.write(b'x' * (1 << 20)); x.append(m)\n";
    for hog in [own, shared] {
        // The time is for where memory is counted from time to time.
        let code = format!("{hog}import time\ntime.sleep(3)\nprint(len(x))\n");
        let ended = machine.run(machine.python(spec(), &code));
        assert!(ended.status == ExitStatus::Signal(9) && ended.printed.is_empty(), "{hog}: {ended:?}");
    }
    // What a program and its children share counts once.
    let fair = "import mmap, os, time\n\
        m = mmap.mmap(-1, 40 << 20); m.write(b'x' * (40 << 20))\n\
        for _ in range(4):\n\
        \x20   if os.fork() == 0: [m[i] for i in range(0, len(m), 4096)]; time.sleep(1); os._exit(0)\n\
        for _ in range(4): assert os.wait()[1] == 0\n\
        print('fits')\n";
    assert_eq!(machine.run(machine.python(spec(), fair)).printed, "fits\n");
}

fn the_peak_of_memory_is_known(machine: &Machine) {
    // The time is for where memory is counted from time to time.
    let use_and_free = "import time\nx = bytearray(b'x') * (48 << 20)\ntime.sleep(3)\ndel x\n";
    machine.run(async {
        let sandbox = machine.sandbox(spec()).await;
        let before = sandbox.peak_memory();
        assert_eq!(python(&sandbox, use_and_free).await.status, ExitStatus::Code(0));
        let after = sandbox.peak_memory();
        assert!(before < 48 << 20 && after >= 48 << 20, "{before} became {after}");
        assert_eq!(after, sandbox.usage().peak_memory_bytes);
        sandbox.destroy().await;
    });
}

fn tmp_is_limited_and_empty_each_time(machine: &Machine) {
    let fill = "import os\n\
        print(os.listdir('/tmp'))\n\
        n = 0\n\
        try:\n\
        \x20   with open('/tmp/big', 'wb', 0) as f:\n\
        \x20       while n < 64: f.write(bytes(1 << 20)); n += 1\n\
        except OSError as e: print(e.strerror, n)\n\
        for i in range(100000):\n\
        \x20   try: open(f'/tmp/{i}', 'w').close()\n\
        \x20   except OSError: break\n\
        print('end')\n";
    for _ in 0..2 {
        let ended = machine.run(machine.python(spec(), fill));
        let lines: Vec<&str> = ended.printed.lines().collect();
        assert_eq!((lines[0], lines[2]), ("[]", "end"), "{ended:?}");
        let written: u32 = lines[1].strip_prefix("No space left on device ").unwrap_or("0").parse().unwrap();
        // A file system of its own is a little larger, for what it needs itself.
        assert!((12..=17).contains(&written), "{}", lines[1]);
    }
}

/// As on Lambda, where `/tmp` is storage of its own.
fn tmp_is_no_memory(machine: &Machine) {
    if !machine.launcher().support().unwrap().disk_for_tmp {
        eprintln!("skipped, /tmp is memory here: {:?}", machine.launcher().support().unwrap().warnings);
        return;
    }
    let limits = Limits { memory_bytes: 64 << 20, ..spec().limits };
    let large = SandboxSpec { tmp_bytes: 256 << 20, limits, ..spec() };
    let fill = "import os\n\
        with open('/tmp/big', 'wb', 0) as f:\n\
        \x20   for _ in range(250): f.write(bytes(1 << 20))\n\
        print(os.stat('/tmp/big').st_size >> 20, oct(os.stat('/tmp').st_mode), os.listdir('/tmp'))\n";
    let ended = machine.run(machine.python(large, fill));
    assert_eq!(ended.printed.trim(), "250 0o41777 ['big']", "{ended:?}");
}

/// Which processes of the machine have this in their command line.
fn processes_with(mark: &str) -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let own = std::process::id().to_string();
    entries
        .filter(|entry| entry.file_name().to_string_lossy() != own.as_str())
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .filter(|line| String::from_utf8_lossy(line).contains(mark))
        .count()
}

fn nothing_outlives_its_sandbox(machine: &Machine) {
    let mark = format!("mark-{}-outlives", std::process::id());
    let code = format!(
        "import os, signal, time # {mark}\n\
         for s in range(1, 32):\n\
         \x20   try: signal.signal(s, signal.SIG_IGN)\n\
         \x20   except OSError: pass\n\
         for _ in range(3):\n\
         \x20   if os.fork() == 0: os.setsid(); time.sleep(60)\n\
         print('up', flush=True)\n\
         time.sleep(60)\n"
    );
    machine.run(async {
        let sandbox = machine.sandbox(spec()).await;
        let (process, reader) = start(&sandbox, &code).await;
        let up = tokio::task::spawn_blocking(move || {
            std::io::Read::read_exact(&mut { reader }, &mut [0; 3]).unwrap();
        });
        up.await.unwrap();
        assert!(processes_with(&mark) >= 4);
        sandbox.destroy().await;
        assert_eq!(processes_with(&mark), 0);
        assert_eq!(process.wait().await, ExitStatus::Signal(9));
    });
}

fn given_up_while_starting(machine: &Machine) {
    machine.run(async {
        for millis in 0..12 {
            let creating = machine.launcher().create(SandboxSpec { name: "abandoned".into(), ..spec() });
            drop(tokio::time::timeout(std::time::Duration::from_micros(millis * 300), creating).await);
        }
        // Requests are taken in order, so these come after.
        for _ in 0..50 {
            drop(machine.python(spec(), "pass").await);
            if named("sbx abandoned") == 0 {
                return;
            }
        }
        panic!("{} supervisors are left", named("sbx abandoned"));
    });
}

/// How many processes of the machine have this name.
fn named(name: &str) -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| fs::read_to_string(entry.path().join("comm")).ok())
        .filter(|comm| comm.trim() == name.get(..15).unwrap_or(name))
        .count()
}

fn a_frozen_sandbox_can_be_destroyed(machine: &Machine) {
    machine.run(async {
        let sandbox = machine.sandbox(spec()).await;
        let (process, _reader) = start(&sandbox, "import time\ntime.sleep(60)").await;
        sandbox.freeze().await.unwrap();
        sandbox.destroy().await;
        assert_eq!(process.wait().await, ExitStatus::Signal(9));
        let dropped = machine.sandbox(spec()).await;
        let (process, _reader) = start(&dropped, "import time\ntime.sleep(60)").await;
        dropped.freeze().await.unwrap();
        drop(dropped);
        assert_eq!(process.wait().await, ExitStatus::Signal(9));
    });
}

/// Whether there is swap to go to or not, it lives on with all that it held.
fn a_frozen_sandbox_goes_to_swap(machine: &Machine) {
    let held = 40 << 20;
    let swap = fs::read_to_string("/proc/swaps").is_ok_and(|text| text.lines().count() > 1);
    let holds = "import signal\n\
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\n\
        held = [bytes([n % 251]) * (1 << 20) for n in range(40)]\n\
        signal.sigwait([signal.SIGUSR1])\n\
        print(all(part == bytes([n % 251]) * (1 << 20) for n, part in enumerate(held)))\n";
    machine.run(async {
        let sandbox = machine.sandbox(spec()).await;
        let (process, mut reader) = start(&sandbox, holds).await;
        while sandbox.usage().memory_bytes < held {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        sandbox.freeze().await.unwrap();
        let before = sandbox.usage().memory_bytes;
        let moved = sandbox.page_out().await;
        let after = sandbox.usage().memory_bytes;
        // Elsewhere nothing moves.
        if swap && nix::unistd::geteuid().is_root() && machine.launcher().support().unwrap().memory_limit {
            moved.unwrap();
            assert!(after + held * 7 / 8 < before, "{before} before, {after} after");
        }
        sandbox.thaw().await.unwrap();
        process.signal(libc::SIGUSR1).await.unwrap();
        assert_eq!(process.wait().await, ExitStatus::Code(0));
        let mut printed = String::new();
        reader.read_to_string(&mut printed).unwrap();
        assert_eq!(printed, "True\n");
    });
}

/// Descriptors of this process and sandboxes' processes of the machine are what tells.
fn many_leave_nothing(machine: &Machine) {
    let descriptors = || fs::read_dir("/proc/self/fd").unwrap().count();
    machine.run(async {
        let small = || SandboxSpec {
            name: "many".into(),
            limits: Limits { processes: 16, ..spec().limits },
            ..spec()
        };
        drop(machine.python(small(), "pass").await);
        let before = descriptors();
        for _ in 0..100 {
            let sandbox = machine.sandbox(small()).await;
            sandbox.destroy().await;
        }
        let sandbox = machine.sandbox(small()).await;
        assert_eq!(python(&sandbox, "print(1)").await.printed, "1\n");
        sandbox.destroy().await;
        assert!(descriptors() <= before + 8, "{before} descriptors became {}", descriptors());
        assert_eq!(named("sbx many"), 0);
    });
}
