//! Ways out of a sandbox, each of which must be closed.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt, symlink};

use ebb_sandbox::{Mount, Network};

use crate::Case;
use crate::setup::{Machine, python, spec, start, with};

pub(crate) const CASES: &[Case] = &[
    ("dangerous_calls_are_refused", dangerous_calls_are_refused),
    ("nothing_is_inherited", nothing_is_inherited),
    ("process_1_cannot_be_touched", process_1_cannot_be_touched),
    ("other_sandboxes_are_out_of_sight", other_sandboxes_are_out_of_sight),
    ("set_user_id_programs_give_nothing", set_user_id_programs_give_nothing),
    ("devices_cannot_be_made_and_only_harmless_ones_are_there", devices),
    ("links_in_a_package_lead_nowhere_outside", links_in_a_package_lead_nowhere_outside),
    ("a_mount_does_not_follow_links_that_programs_make", mounts_do_not_follow_links),
    ("kernel_settings_are_read_only", kernel_settings_are_read_only),
    ("a_folder_that_may_be_written_is_the_next_sandboxes_too", writable_folders),
];

fn dangerous_calls_are_refused(machine: &Machine) {
    // By their numbers on x86-64.
    if std::env::consts::ARCH != "x86_64" {
        eprintln!("skipped, the numbers are those of x86-64");
        return;
    }
    let calls = [
        ("mount", "165, b'none', b'/tmp', b'tmpfs', 0, None"),
        ("umount2", "166, b'/tmp', 2"),
        ("pivot_root", "155, b'/tmp', b'/tmp'"),
        ("chroot", "161, b'/tmp'"),
        ("unshare user", "272, 0x10000000"),
        ("unshare mount", "272, 0x20000"),
        ("setns", "308, 0, 0"),
        ("clone user", "56, 0x10000011, 0, 0, 0, 0"),
        ("clone3", "435, 0, 0"),
        ("ptrace", "101, 16, 1, 0, 0"),
        ("process_vm_readv", "310, 1, 0, 0, 0, 0, 0"),
        ("process_vm_writev", "311, 1, 0, 0, 0, 0, 0"),
        ("kcmp", "312, 1, 1, 0, 0, 0"),
        ("pidfd_getfd", "438, 0, 0, 0"),
        ("keyctl", "250, 0, -3, 0, 0, 0"),
        ("add_key", "248, b'user', b'x', b'y', 1, -3"),
        ("request_key", "249, b'user', b'x', 0, 0"),
        ("bpf", "321, 0, 0, 0"),
        ("perf_event_open", "298, 0, 0, -1, -1, 0"),
        ("io_uring_setup", "425, 1, 0"),
        ("userfaultfd", "323, 0"),
        ("init_module", "175, 0, 0, b''"),
        ("finit_module", "313, 0, b'', 0"),
        ("kexec_load", "246, 0, 0, 0, 0"),
        ("reboot", "169, 0xfee1dead, 672274793, 0, 0"),
        ("swapon", "167, b'/tmp/x', 0"),
        ("open_by_handle_at", "304, 0, 0, 0"),
        ("name_to_handle_at", "303, -100, b'/', 0, 0, 0"),
        ("open_tree", "428, -100, b'/', 1"),
        ("move_mount", "429, 0, b'', 0, b'', 0"),
        ("fsopen", "430, b'tmpfs', 0"),
        ("mount_setattr", "442, -100, b'/', 0, 0, 0"),
        ("fanotify_init", "300, 0, 0"),
        ("quotactl", "179, 0, b'', 0, 0"),
        ("acct", "163, b'/tmp/x'"),
        ("iopl", "172, 3"),
        ("ioperm", "173, 0, 1, 1"),
        ("syslog", "103, 3, 0, 0"),
        ("settimeofday", "164, 0, 0"),
        ("clock_settime", "227, 0, 0"),
        ("sethostname", "170, b'x', 1"),
        ("setdomainname", "171, b'x', 1"),
        ("migrate_pages", "256, 0, 0, 0, 0"),
        ("move_pages", "279, 1, 0, 0, 0, 0, 0"),
        ("lookup_dcookie", "212, 0, 0, 0"),
        ("packet socket", "41, 17, 3, 0"),
        ("raw socket", "41, 2, 3, 1"),
        ("netfilter socket", "41, 16, 3, 12"),
        ("audit socket", "41, 16, 3, 9"),
        ("diagnosis socket", "41, 16, 3, 4"),
        ("vsock", "41, 40, 1, 0"),
        ("alg socket", "41, 38, 5, 0"),
        ("terminal input", "16, 0, 0x5412, b'x'"),
        ("terminal input, high bits set", "16, 0, ctypes.c_ulong(0x100005412), b'x'"),
        ("statmount", "457, 0, 0, 0, 0"),
    ];
    let calls_text: Vec<String> = calls.iter().map(|(_, arguments)| format!("call({arguments})")).collect();
    let expressions: Vec<&str> = calls_text.iter().map(String::as_str).collect();
    let seen = machine.probe(Network::Loopback, &expressions);
    for ((name, _), result) in calls.iter().zip(seen) {
        assert!(["EPERM", "ENOSYS"].contains(&result.as_str()), "{name}: {result}");
    }
}

fn nothing_is_inherited(machine: &Machine) {
    let seen = machine.probe(
        Network::Loopback,
        &[
            "sorted(os.environ)",
            // 3 is the folder being listed.
            "sorted(map(int, os.listdir('/proc/self/fd')))",
            "[os.getuid(), os.getgid(), os.getgroups()]",
            "sorted(os.listdir('/'))",
            "open('/proc/self/status').read().split('Seccomp:')[1].split()[0]",
            "open('/proc/self/cgroup').read().count('ebb-sandboxes')",
            "os.getsid(0) == os.getpid()",
            // By netlink.
            "[name for _, name in socket.if_nameindex()][0]",
        ],
    );
    assert_eq!(
        seen[0],
        "['LC_CTYPE', 'PATH']"
            .replace("'LC_CTYPE', ", if seen[0].contains("LC_CTYPE") { "'LC_CTYPE', " } else { "" })
    );
    assert_eq!(seen[1], "[0, 1, 2, 3]");
    // Without root the groups of the server's user cannot be left; outside of the one they stand for nothing here.
    assert!(
        ["[993, 990, []]", "[993, 990, [990]]", "[993, 990, [65534, 990]]"].contains(&seen[2].as_str()),
        "{}",
        seen[2]
    );
    for hidden in ["home", "root", "work", "boot", "srv", "mnt", "sys", "run"] {
        assert!(!seen[3].contains(&format!("'{hidden}'")), "{}", seen[3]);
    }
    assert_eq!(seen[4..], ["2", "0", "True", "lo"]);
}

fn writable_folders(machine: &Machine) {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(outside.path(), "untouched").unwrap();
    let owner = fs::metadata(outside.path()).unwrap().uid();
    // A link to what is not theirs: the next sandbox's programs do not get that with the folder.
    symlink(outside.path(), folder.path().join("link")).unwrap();
    let spec = || with(Mount::Writable { source: folder.path().to_owned(), target: "/var/state".into() });
    for round in 0..2 {
        let code = "import os\n\
                    os.makedirs('/var/state/d', exist_ok=True)\n\
                    with open('/var/state/d/f', 'a') as f: f.write('x')\n\
                    with open('/var/state/run', 'w') as f: f.write('#!/bin/sh\\n')\n\
                    os.chmod('/var/state/run', 0o755)\n\
                    try: os.execv('/var/state/run', ['run'])\n\
                    except OSError as e: print(e.errno)\n";
        let ended = machine.run(machine.python(spec(), code));
        assert_eq!(ended.printed.trim(), "13", "round {round}");
    }
    assert_eq!(fs::read_to_string(folder.path().join("d/f")).unwrap(), "xx");
    assert_eq!(fs::metadata(outside.path()).unwrap().uid(), owner);
}

fn process_1_cannot_be_touched(machine: &Machine) {
    let seen = machine.probe(
        Network::Loopback,
        &[
            "os.kill(1, 9)",
            "open('/proc/1/mem', 'rb')",
            "open('/proc/1/environ', 'rb').read()",
            "os.listdir('/proc/1/fd')",
            "os.readlink('/proc/1/root')",
            "os.listdir('/proc/1/root/')",
            "os.readlink('/proc/1/exe')",
            "os.setpriority(os.PRIO_PROCESS, 1, 19)",
            "libc.prlimit(1, 7, (ctypes.c_ulong * 2)(0, 0), None)",
        ],
    );
    let refused = ["EPERM", "EACCES", "ENOENT", "ESRCH", "-1"];
    for (attempt, result) in seen.iter().enumerate() {
        // Process 1 ignores what it has no handler for; the kernel says so of a signal from the same user.
        let ignored =
            attempt == 0 && result == "None" && !machine.launcher().support().unwrap().separate_users;
        assert!(ignored || refused.contains(&result.as_str()), "{attempt}: {result}");
    }
}

fn other_sandboxes_are_out_of_sight(machine: &Machine) {
    machine.run(async {
        let (one, other) = (machine.sandbox(spec()).await, machine.sandbox(spec()).await);
        let (_waiting, _reader) = start(&one, "open('/tmp/secret', 'w').write('x')\nimport time\ntime.sleep(30)").await;
        let look = "import glob, os\n\
            print(glob.glob('/tmp/*'), sorted(p for p in os.listdir('/proc') if p.isdigit()) == sorted({str(os.getpid())} | ({'1'} & set(os.listdir('/proc')))))\n";
        assert_eq!(python(&other, look).await.printed.trim(), "[] True");
    });
}

fn set_user_id_programs_give_nothing(machine: &Machine) {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("id");
    fs::copy("/usr/bin/id", &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o6755)).unwrap();
    let mount = Mount::Bind { source: folder.path().into(), target: "/var/task".into() };
    let code = "import os, subprocess\n\
        own = str(os.getuid())\n\
        print([subprocess.run([p, '-u'], capture_output=True, text=True).stdout.strip() == own for p in ('/var/task/id',)])\n";
    let ended = machine.run(machine.python(with(mount), code));
    assert_eq!(ended.printed.trim(), "[True]");
}

fn devices(machine: &Machine) {
    let seen = machine.probe(
        Network::Loopback,
        &[
            "sorted(os.listdir('/dev'))",
            "os.mknod('/tmp/disk', 0o60666, os.makedev(8, 0))",
            "os.mknod('/tmp/mem', 0o20666, os.makedev(1, 1))",
            "open('/dev/null', 'w').write('x')",
            "len(open('/dev/urandom', 'rb').read(4))",
            "os.open('/dev/tty', os.O_RDWR)",
            "os.chmod('/dev/null', 0o777)",
            "open('/dev/x', 'w')",
            "os.mkfifo('/tmp/fifo') or 'made'",
        ],
    );
    let names = "['fd', 'full', 'null', 'random', 'shm', 'stderr', 'stdin', 'stdout', 'urandom', 'zero']";
    assert_eq!(seen[0], names);
    assert_eq!(seen[1..3], ["EPERM", "EPERM"]);
    assert_eq!(seen[3..6], ["1", "4", "ENOENT"]);
    assert!(["EPERM", "EROFS"].contains(&seen[6].as_str()) && seen[7] != "done", "{seen:?}");
    assert_eq!(seen[8], "made");
}

fn links_in_a_package_lead_nowhere_outside(machine: &Machine) {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let secret = tempfile::NamedTempFile::new().unwrap();
    fs::write(secret.path(), "secret").unwrap();
    fs::set_permissions(secret.path(), fs::Permissions::from_mode(0o644)).unwrap();
    symlink(secret.path(), folder.path().join("absolute")).unwrap();
    symlink(format!("../../../../..{}", secret.path().display()), folder.path().join("relative")).unwrap();
    symlink("/etc/shadow", folder.path().join("shadow")).unwrap();
    let mount = Mount::Bind { source: folder.path().into(), target: "/var/task".into() };
    let code = "for name in ('absolute', 'relative', 'shadow'):\n\
        \x20   try: print(open('/var/task/' + name).read())\n\
        \x20   except OSError as e: print(type(e).__name__)\n";
    let ended = machine.run(machine.python(with(mount), code));
    assert_eq!(ended.printed, "FileNotFoundError\n".repeat(3));
}

/// A program that runs already must not be able to direct a later mount, or a file, to another place.
fn mounts_do_not_follow_links(machine: &Machine) {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.path().join("mark"), "x").unwrap();
    machine.run(async {
        let sandbox = machine.sandbox(spec()).await;
        python(&sandbox, "import os\nos.symlink('/etc', '/tmp/away')\nos.symlink('/etc/passwd', '/tmp/file')\n").await;
        let mount = async |mount| sandbox.assign("x", spec().limits.memory_bytes, vec![mount]).await;
        let bind = |target: &str| Mount::Bind { source: folder.path().into(), target: target.into() };
        let file = |target: &str| Mount::File { content: b"x".to_vec(), target: target.into() };
        for refused in [bind("/tmp/away"), bind("/tmp/away/ssl"), bind("/tmp/file")] {
            let target = refused.target().to_owned();
            assert!(mount(refused).await.is_err(), "mounted on {}", target.display());
        }
        // These go to the root's own file system, under what is mounted there.
        for other in [file("/tmp/file"), file("/tmp/away/hosts")] {
            drop(mount(other).await);
        }
        let look = "import os\nprint(os.path.exists('/etc/mark'), os.path.exists('/etc/ssl/mark'), open('/etc/hosts').read() == 'x', open('/etc/passwd').read() == 'x')";
        assert_eq!(python(&sandbox, look).await.printed.trim(), "False False False False");
        // What the sandbox is for goes on working.
        mount(bind("/var/task")).await.unwrap();
        assert_eq!(python(&sandbox, "print(open('/var/task/mark').read())").await.printed.trim(), "x");
    });
}

fn kernel_settings_are_read_only(machine: &Machine) {
    let seen = machine.probe(
        Network::Outbound,
        &[
            "os.write(os.open('/proc/sys/kernel/core_pattern', os.O_WRONLY), b'|/tmp/x')",
            "os.write(os.open('/proc/sys/net/ipv4/ip_forward', os.O_WRONLY), b'1')",
            "os.write(os.open('/proc/sys/kernel/hostname', os.O_WRONLY), b'x')",
            "os.write(os.open('/proc/sysrq-trigger', os.O_WRONLY), b'b')",
            "open('/proc/kcore', 'rb')",
            "open('/proc/kmsg', 'rb')",
            "os.write(os.open('/proc/self/uid_map', os.O_WRONLY), b'0 0 1')",
            "os.write(os.open('/proc/self/oom_score_adj', os.O_WRONLY), b'-1000')",
            "os.listdir('/sys')",
        ],
    );
    for (attempt, result) in seen.iter().enumerate() {
        assert!(["EPERM", "EACCES", "ENOENT", "EROFS"].contains(&result.as_str()), "{attempt}: {result}");
    }
}
