//! Which system calls programs may make: the list that container engines settled on, less what nothing here needs.
//!
//! Everything else answers EPERM, so no mounts, modules, keys, BPF, tracing, handles or new namespaces. What programs
//! have a fallback for answers ENOSYS instead: `clone3`, whose flags no filter can see, `io_uring`, and numbers newer
//! than this list. System calls of another architecture kill the process.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, sock_filter,
};

/// The filter, compiled.
///
/// The kernel runs a filter once for every number as it is installed, which every sandbox pays for; so what is decided by
/// the number alone is found by a binary search, and only calls whose arguments matter reach the list of rules.
#[derive(Debug, Clone)]
pub(crate) struct Filter(BpfProgram);

impl Filter {
    /// Compiles it for the architecture of this machine.
    pub(crate) fn compile() -> io::Result<Self> {
        let arch: TargetArch = std::env::consts::ARCH.try_into().map_err(failed)?;
        let refuse = SeccompAction::Errno(libc::EPERM as u32);
        let rules = rules()?;
        let mut decisions = vec![Decision::Refuse; LAST as usize + 1];
        let mut decide = |call: i64, decision| decisions[call as usize] = decision;
        absent().for_each(|call| decide(call, Decision::Absent));
        ALLOWED
            .iter()
            .chain(ALLOWED_HERE)
            .chain(ALLOWED_UNNAMED)
            .for_each(|call| decide(*call, Decision::Allow));
        rules.keys().for_each(|call| decide(*call, Decision::ByArguments));
        let by_arguments: BpfProgram = SeccompFilter::new(rules, refuse, SeccompAction::Allow, arch)
            .and_then(TryInto::try_into)
            .map_err(failed)?;
        let mut program = vec![
            load(ARCHITECTURE),
            jump(libc::BPF_JEQ, AUDIT_ARCHITECTURE, 1, 0),
            answer(libc::SECCOMP_RET_KILL_PROCESS),
            load(NUMBER),
        ];
        program.extend(search(&runs(&decisions))?);
        let end = program.len();
        for (place, instruction) in program.iter_mut().enumerate().filter(|(_, found)| found.code == ALWAYS) {
            instruction.k = (end - place - 1) as u32;
        }
        program.extend(by_arguments);
        Ok(Self(program))
    }

    /// Binds this process and all that follow it. Sets no_new_privs as well.
    pub(crate) fn apply(&self) -> io::Result<()> {
        seccompiler::apply_filter(&self.0).map_err(io::Error::other)
    }
}

/// What a number alone decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Allow,
    /// ENOSYS.
    Absent,
    /// EPERM.
    Refuse,
    ByArguments,
}

/// Where the number and the architecture are. Source: linux/seccomp.h, `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

/// This machine's. Source: linux/audit.h, `AUDIT_ARCH_X86_64` and `AUDIT_ARCH_AARCH64`.
#[cfg(target_arch = "x86_64")]
const AUDIT_ARCHITECTURE: u32 = 0xC000_003E;
#[cfg(target_arch = "aarch64")]
const AUDIT_ARCHITECTURE: u32 = 0xC000_00B7;

/// The code of a jump that is always taken.
const ALWAYS: u16 = (libc::BPF_JMP | libc::BPF_JA) as u16;

fn load(offset: u32) -> sock_filter {
    sock_filter { code: (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, jt: 0, jf: 0, k: offset }
}

fn jump(comparison: u32, with: u32, then: u8, otherwise: u8) -> sock_filter {
    sock_filter { code: (libc::BPF_JMP | comparison | libc::BPF_K) as u16, jt: then, jf: otherwise, k: with }
}

fn answer(action: u32) -> sock_filter {
    sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k: action }
}

/// Runs of numbers that are decided alike, by their first. The last goes on for ever.
fn runs(decisions: &[Decision]) -> Vec<(u32, Decision)> {
    let mut runs: Vec<(u32, Decision)> = Vec::new();
    for (number, decision) in (0..).zip(decisions.iter().copied().chain([Decision::Refuse])) {
        if runs.last().is_none_or(|(_, last)| *last != decision) {
            runs.push((number, decision));
        }
    }
    runs
}

/// Finds the run that the loaded number is in. Jumps to what decides by arguments have yet to get their distance.
fn search(runs: &[(u32, Decision)]) -> io::Result<BpfProgram> {
    let leaf = |decision| match decision {
        Decision::Allow => answer(libc::SECCOMP_RET_ALLOW),
        Decision::Absent => answer(libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
        Decision::Refuse => answer(libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        Decision::ByArguments => sock_filter { code: ALWAYS, jt: 0, jf: 0, k: 0 },
    };
    let [(_, decision)] = runs else {
        let (below, above) = runs.split_at(runs.len() / 2);
        let (first, below, above) = (above[0].0, search(below)?, search(above)?);
        let skip = u8::try_from(below.len()).map_err(io::Error::other)?;
        return Ok([vec![jump(libc::BPF_JGE, first, skip, 0)], below, above].concat());
    };
    Ok(vec![leaf(*decision)])
}

fn failed(error: seccompiler::BackendError) -> io::Error {
    io::Error::other(error)
}

/// The highest number that is decided by itself: those above are refused.
const LAST: i64 = libc::SYS_mseal + 63;

fn absent() -> impl Iterator<Item = i64> {
    [libc::SYS_clone3, libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register]
        .into_iter()
        .chain(libc::SYS_mseal + 1..=LAST)
}

/// Calls that are allowed with some arguments.
fn rules() -> io::Result<BTreeMap<i64, Vec<SeccompRule>>> {
    let families = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6].map(|family| family as u64);
    // Of what the kernel has behind netlink, programs need the list of interfaces.
    let netlink = all(vec![is(0, libc::AF_NETLINK as u64)?, is(2, libc::NETLINK_ROUTE as u64)?])?;
    Ok(BTreeMap::from([
        (libc::SYS_clone, vec![all(vec![no_bits(0, NAMESPACES)?])?]),
        // Where supervisor and programs are one user, its limits are not theirs to change.
        (libc::SYS_prlimit64, vec![all(vec![not(0, SUPERVISOR)?])?]),
        // Faking terminal input, and the console's own copy and paste.
        (libc::SYS_ioctl, vec![all(vec![not(1, libc::TIOCSTI)?, not(1, 0x541C)?])?]),
        (libc::SYS_personality, any(0, &[0, 0x8, 0x2_0000, 0x2_0008, 0xFFFF_FFFF])?),
        (libc::SYS_socket, any(0, &families)?.into_iter().chain([netlink]).collect()),
        (libc::SYS_socketpair, any(0, &families[..1])?),
    ]))
}

/// The supervisor's pid, in every sandbox.
const SUPERVISOR: u64 = 1;

const NAMESPACES: u64 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u64;

fn all(conditions: Vec<SeccompCondition>) -> io::Result<SeccompRule> {
    SeccompRule::new(conditions).map_err(failed)
}

fn any(argument: u8, values: &[u64]) -> io::Result<Vec<SeccompRule>> {
    values.iter().map(|value| all(vec![is(argument, *value)?])).collect()
}

fn is(argument: u8, value: u64) -> io::Result<SeccompCondition> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value).map_err(failed)
}

fn not(argument: u8, value: u64) -> io::Result<SeccompCondition> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, value).map_err(failed)
}

fn no_bits(argument: u8, mask: u64) -> io::Result<SeccompCondition> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(mask), 0).map_err(failed)
}

macro_rules! calls {
    ($($name:ident)*) => { &[$(libc::$name),*] };
}

/// Allowed on every architecture, whatever their arguments.
#[rustfmt::skip]
const ALLOWED: &[i64] = calls![
    // Files.
    SYS_openat SYS_openat2 SYS_close SYS_close_range SYS_read SYS_write SYS_readv SYS_writev SYS_pread64 SYS_pwrite64
    SYS_preadv SYS_pwritev SYS_preadv2 SYS_pwritev2 SYS_lseek SYS_ftruncate SYS_truncate SYS_fallocate SYS_fadvise64
    SYS_readahead SYS_sendfile SYS_splice SYS_tee SYS_vmsplice SYS_copy_file_range SYS_fsync SYS_fdatasync SYS_sync
    SYS_syncfs SYS_sync_file_range SYS_dup SYS_dup3 SYS_fcntl SYS_flock SYS_faccessat SYS_faccessat2
    SYS_newfstatat SYS_fstat SYS_statx SYS_statfs SYS_fstatfs SYS_readlinkat SYS_getdents64 SYS_getcwd SYS_chdir
    SYS_fchdir SYS_mkdirat SYS_mknodat SYS_unlinkat SYS_linkat SYS_symlinkat SYS_renameat2 SYS_fchmod
    SYS_fchmodat SYS_fchmodat2 SYS_fchown SYS_fchownat SYS_utimensat SYS_umask SYS_pipe2
    SYS_getxattr SYS_lgetxattr SYS_fgetxattr SYS_listxattr SYS_llistxattr SYS_flistxattr SYS_setxattr SYS_lsetxattr
    SYS_fsetxattr SYS_removexattr SYS_lremovexattr SYS_fremovexattr
    SYS_inotify_init1 SYS_inotify_add_watch SYS_inotify_rm_watch
    // Memory.
    SYS_brk SYS_mmap SYS_munmap SYS_mremap SYS_mprotect SYS_madvise SYS_mincore SYS_msync SYS_mlock SYS_mlock2
    SYS_munlock SYS_mlockall SYS_munlockall SYS_mseal SYS_membarrier SYS_memfd_create SYS_memfd_secret SYS_remap_file_pages
    SYS_pkey_alloc SYS_pkey_free SYS_pkey_mprotect
    // Processes, threads and their limits.
    SYS_execve SYS_execveat SYS_exit SYS_exit_group SYS_wait4 SYS_waitid SYS_kill SYS_tkill SYS_tgkill
    SYS_pidfd_open SYS_pidfd_send_signal SYS_getpid SYS_getppid SYS_gettid SYS_getpgid SYS_setpgid SYS_getsid SYS_setsid
    SYS_set_tid_address SYS_set_robust_list SYS_get_robust_list SYS_rseq SYS_futex SYS_futex_waitv
    SYS_prctl SYS_seccomp SYS_getrlimit SYS_setrlimit SYS_getrusage
    SYS_getpriority SYS_setpriority SYS_ioprio_get SYS_ioprio_set SYS_getcpu SYS_sched_yield SYS_sched_getaffinity
    SYS_sched_setaffinity SYS_sched_getattr SYS_sched_setattr SYS_sched_getparam SYS_sched_setparam
    SYS_sched_getscheduler SYS_sched_setscheduler SYS_sched_get_priority_max SYS_sched_get_priority_min
    SYS_sched_rr_get_interval SYS_process_mrelease SYS_restart_syscall
    // Users: only their own remain, but programs ask.
    SYS_getuid SYS_geteuid SYS_getgid SYS_getegid SYS_getresuid SYS_getresgid SYS_getgroups SYS_setuid SYS_setgid
    SYS_setreuid SYS_setregid SYS_setresuid SYS_setresgid SYS_setfsuid SYS_setfsgid SYS_setgroups SYS_capget SYS_capset
    SYS_landlock_create_ruleset SYS_landlock_add_rule SYS_landlock_restrict_self
    // Signals.
    SYS_rt_sigaction SYS_rt_sigprocmask SYS_rt_sigpending SYS_rt_sigqueueinfo SYS_rt_sigreturn SYS_rt_sigsuspend
    SYS_rt_sigtimedwait SYS_rt_tgsigqueueinfo SYS_sigaltstack SYS_signalfd4
    // Time.
    SYS_clock_gettime SYS_clock_getres SYS_clock_nanosleep SYS_nanosleep SYS_gettimeofday SYS_times SYS_getitimer
    SYS_setitimer SYS_timer_create SYS_timer_delete SYS_timer_getoverrun SYS_timer_gettime SYS_timer_settime
    SYS_timerfd_create SYS_timerfd_gettime SYS_timerfd_settime SYS_adjtimex SYS_clock_adjtime
    // Waiting for many.
    SYS_epoll_create1 SYS_epoll_ctl SYS_epoll_pwait SYS_epoll_pwait2 SYS_ppoll SYS_pselect6 SYS_eventfd2
    // Sockets; which kinds is decided where they are made.
    SYS_accept SYS_accept4 SYS_bind SYS_connect SYS_listen SYS_getsockname SYS_getpeername SYS_getsockopt SYS_setsockopt
    SYS_sendto SYS_sendmsg SYS_sendmmsg SYS_recvfrom SYS_recvmsg SYS_recvmmsg SYS_shutdown
    // Queues and shared memory, in a namespace of their own.
    SYS_mq_open SYS_mq_unlink SYS_mq_timedsend SYS_mq_timedreceive SYS_mq_notify SYS_mq_getsetattr SYS_msgctl SYS_msgget
    SYS_msgrcv SYS_msgsnd SYS_semctl SYS_semget SYS_semop SYS_semtimedop SYS_shmat SYS_shmctl SYS_shmdt SYS_shmget
    SYS_io_setup SYS_io_destroy SYS_io_submit SYS_io_cancel SYS_io_getevents
    // The machine.
    SYS_uname SYS_sysinfo SYS_getrandom
];

/// Allowed, and without a name in `libc` so far: cachestat, map_shadow_stack, futex_wake, futex_wait, futex_requeue.
/// Numbers as new as these are the same on every architecture.
const ALLOWED_UNNAMED: &[i64] = &[451, 453, 454, 455, 456];

/// The older forms that only this architecture has.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const ALLOWED_HERE: &[i64] = calls![
    SYS_open SYS_creat SYS_stat SYS_lstat SYS_access SYS_readlink SYS_getdents SYS_mkdir SYS_rmdir SYS_mknod SYS_unlink
    SYS_link SYS_symlink SYS_rename SYS_renameat SYS_chmod SYS_chown SYS_lchown SYS_utime SYS_utimes SYS_futimesat
    SYS_dup2 SYS_pipe SYS_fork SYS_vfork SYS_getpgrp SYS_alarm SYS_pause SYS_time SYS_signalfd SYS_eventfd
    SYS_epoll_create SYS_epoll_wait SYS_epoll_ctl_old SYS_epoll_wait_old SYS_poll SYS_select SYS_inotify_init
    SYS_arch_prctl SYS_modify_ldt SYS_ustat SYS_sysfs
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[i64] = calls![SYS_renameat];

#[cfg(test)]
mod tests {
    use super::*;

    fn calls() -> Vec<(i64, Decision)> {
        let allowed =
            ALLOWED.iter().chain(ALLOWED_HERE).chain(ALLOWED_UNNAMED).map(|call| (*call, Decision::Allow));
        let by_arguments = rules().unwrap().into_keys().map(|call| (call, Decision::ByArguments));
        allowed.chain(by_arguments).chain(absent().map(|call| (call, Decision::Absent))).collect()
    }

    #[test]
    fn no_call_is_listed_twice() {
        let mut numbers: Vec<i64> = calls().into_iter().map(|(call, _)| call).collect();
        let count = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), count);
    }

    /// Runs the filter up to its first answer, or to where arguments are looked at.
    fn decided(program: &[sock_filter], architecture: u32, number: u32) -> Result<u32, usize> {
        let (mut place, mut loaded) = (0, 0);
        loop {
            let sock_filter { code, jt, jf, k } = program[place].clone();
            place += 1;
            match u32::from(code) {
                code if code == libc::BPF_RET | libc::BPF_K => return Ok(k),
                code if code == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS => {
                    loaded = if k == NUMBER { number } else { architecture };
                }
                code if code == libc::BPF_JMP | libc::BPF_JA => return Err(place + k as usize),
                code => {
                    let equal = code == libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
                    let holds = if equal { loaded == k } else { loaded >= k };
                    place += usize::from(if holds { jt } else { jf });
                }
            }
        }
    }

    #[test]
    fn every_number_is_decided_as_the_lists_say() {
        let Filter(program) = Filter::compile().unwrap();
        let calls: BTreeMap<_, _> = calls().into_iter().collect();
        let by_arguments =
            program.iter().rposition(|found| found.k == ARCHITECTURE && found.code == load(0).code);
        for number in (0..2_000).chain([0x4000_0000, 0x4000_0001, u32::MAX]) {
            let expected = match calls.get(&i64::from(number)) {
                Some(Decision::Allow) => Ok(libc::SECCOMP_RET_ALLOW),
                Some(Decision::Absent) => Ok(libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
                Some(Decision::ByArguments) => Err(by_arguments.unwrap()),
                Some(Decision::Refuse) | None => Ok(libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
            };
            assert_eq!(decided(&program, AUDIT_ARCHITECTURE, number), expected, "{number}");
            assert_eq!(decided(&program, 0x4000_0003, number), Ok(libc::SECCOMP_RET_KILL_PROCESS));
        }
    }
}
