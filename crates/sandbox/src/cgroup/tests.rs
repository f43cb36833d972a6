use std::fs;
use std::path::Path;
use std::time::Duration;

use super::*;

const LIMITS: Limits =
    Limits { memory_bytes: 134_217_728, cpu_millis: Some(72), processes: 100, open_files: 1024 };

/// Makes these files, as the kernel would when the folder is made.
fn fill(folder: &Path, files: &[(&str, &str)]) {
    for (name, content) in files {
        fs::write(folder.join(name), content).unwrap();
    }
}

/// The kernel's files do not keep the rest of a longer old value; plain files do, so look at the start only.
#[track_caller]
fn check(folder: &Path, file: &str, expected: &str) {
    let content = fs::read_to_string(folder.join(file)).unwrap();
    assert!(content.starts_with(expected), "{file} holds {content:?}, not {expected:?}");
}

#[test]
fn version_2_limits_freezes_and_accounts() {
    let tree = tempfile::tempdir().unwrap();
    let all = Controllers { memory: true, cpu: true, pids: true, freezer: true };
    let hierarchy = Hierarchy::Two(v2::Hierarchy::new(tree.path().to_owned(), all));
    let group = hierarchy.create("one").unwrap();
    let folder = tree.path().join("one");
    fill(&folder, &[("memory.max", ""), ("memory.swap.max", ""), ("pids.max", ""), ("cpu.max", "")]);
    fill(&folder, &[("cgroup.freeze", "0"), ("cgroup.events", "populated 1\nfrozen 0\n")]);
    group.set_limits(&LIMITS).unwrap();
    check(&folder, "memory.max", "134217728");
    check(&folder, "memory.swap.max", "0");
    check(&folder, "pids.max", "101");
    check(&folder, "cpu.max", "1440 20000");
    group.set_cpu(None).unwrap();
    check(&folder, "cpu.max", "max 20000");

    assert!(group.set_frozen(true).unwrap());
    check(&folder, "cgroup.freeze", "1");
    assert!(!group.is_frozen().unwrap());
    fill(&folder, &[("cgroup.events", "populated 1\nfrozen 1\n")]);
    assert!(group.is_frozen().unwrap());

    fill(
        &folder,
        &[("memory.current", "1000\n"), ("memory.events", "low 0\noom 3\noom_kill 2\noom_group_kill 0\n")],
    );
    fill(&folder, &[("cpu.stat", "usage_usec 2500\nuser_usec 2000\n")]);
    let usage = group.usage();
    assert_eq!((usage.memory_bytes, usage.peak_memory_bytes, usage.out_of_memory_kills), (1000, 1000, 2));
    assert_eq!(usage.cpu, Duration::from_micros(2500));
    fill(&folder, &[("memory.peak", "4000\n"), ("cgroup.kill", "")]);
    assert_eq!(group.usage().peak_memory_bytes, 4000);
    group.release();
    check(&folder, "cgroup.kill", "1");
    check(&folder, "cgroup.freeze", "0");
}

#[test]
fn version_1_limits_freezes_and_accounts_in_each_tree() {
    let tree = tempfile::tempdir().unwrap();
    let folder = |name: &str| {
        let folder = tree.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        Some(folder)
    };
    let hierarchies = v1::Hierarchies {
        memory: folder("memory"),
        cpu: folder("cpu,cpuacct"),
        cpuacct: folder("cpu,cpuacct"),
        pids: folder("pids"),
        freezer: folder("freezer"),
    };
    let group = Hierarchy::One(hierarchies).create("one").unwrap();
    let of = |controller: &str| tree.path().join(controller).join("one");
    fill(&of("memory"), &[("memory.limit_in_bytes", ""), ("memory.memsw.limit_in_bytes", ""), ("tasks", "")]);
    fill(&of("cpu,cpuacct"), &[("cpu.cfs_period_us", ""), ("cpu.cfs_quota_us", ""), ("tasks", "")]);
    fill(&of("pids"), &[("pids.max", ""), ("tasks", "")]);
    fill(&of("freezer"), &[("freezer.state", "THAWED\n"), ("tasks", "")]);
    group.set_limits(&LIMITS).unwrap();
    check(&of("memory"), "memory.limit_in_bytes", "134217728");
    check(&of("memory"), "memory.memsw.limit_in_bytes", "134217728");
    check(&of("pids"), "pids.max", "100");
    check(&of("cpu,cpuacct"), "cpu.cfs_quota_us", "1440");
    check(&of("cpu,cpuacct"), "cpu.cfs_period_us", "20000");
    group.set_cpu(None).unwrap();
    check(&of("cpu,cpuacct"), "cpu.cfs_quota_us", "-1");
    assert!(group.set_frozen(true).unwrap() && group.is_frozen().unwrap());
    let Entry::Tasks { tasks, freezer_state } = group.entry().unwrap() else { panic!("not by tasks") };
    assert_eq!((tasks.len(), freezer_state.is_some()), (4, true));

    fill(&of("memory"), &[("memory.usage_in_bytes", "5\n"), ("memory.max_usage_in_bytes", "9\n")]);
    fill(&of("memory"), &[("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")]);
    fill(&of("cpu,cpuacct"), &[("cpuacct.usage", "1500\n")]);
    let expected = Usage {
        memory_bytes: 5,
        peak_memory_bytes: 9,
        cpu: Duration::from_nanos(1500),
        out_of_memory_kills: 1,
    };
    assert_eq!(group.usage(), expected);
}
