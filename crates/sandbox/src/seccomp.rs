//! Which system calls programs may make: the list that container engines settled on, less what nothing here needs.
//!
//! Everything else answers EPERM, so no mounts, modules, keys, BPF, tracing, handles or new namespaces. What programs
//! have a fallback for answers ENOSYS instead: `clone3`, whose flags no filter can see, `io_uring`, and numbers newer
//! than this list. System calls of another architecture kill the process.

use std::io;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

/// Both filters, compiled.
#[derive(Debug, Clone)]
pub(crate) struct Filters {
    allowed: BpfProgram,
    absent: BpfProgram,
}

impl Filters {
    /// Compiles them for the architecture of this machine.
    pub(crate) fn compile() -> io::Result<Self> {
        let arch: TargetArch = std::env::consts::ARCH.try_into().map_err(failed)?;
        let eperm = SeccompAction::Errno(libc::EPERM as u32);
        let enosys = SeccompAction::Errno(libc::ENOSYS as u32);
        let allowed = SeccompFilter::new(rules()?.into_iter().collect(), eperm, SeccompAction::Allow, arch)
            .and_then(TryInto::try_into)
            .map_err(failed)?;
        let absent = absent().into_iter().map(|call| (call, Vec::new())).collect();
        let absent = SeccompFilter::new(absent, SeccompAction::Allow, enosys, arch)
            .and_then(TryInto::try_into)
            .map_err(failed)?;
        Ok(Self { allowed, absent })
    }

    /// Binds this process and all that follow it. Sets no_new_privs as well.
    pub(crate) fn apply(&self) -> io::Result<()> {
        // Of two filters that answer with an error the kernel takes the one installed last.
        seccompiler::apply_filter(&self.allowed).map_err(io::Error::other)?;
        seccompiler::apply_filter(&self.absent).map_err(io::Error::other)
    }
}

fn failed(error: seccompiler::BackendError) -> io::Error {
    io::Error::other(error)
}

fn absent() -> Vec<i64> {
    const LAST_KNOWN: i64 = libc::SYS_mseal;
    let mut calls = vec![
        libc::SYS_clone3,
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
    ];
    calls.extend(LAST_KNOWN + 1..LAST_KNOWN + 64);
    calls
}

fn rules() -> io::Result<Vec<(i64, Vec<SeccompRule>)>> {
    let mut rules: Vec<_> =
        ALLOWED.iter().chain(ALLOWED_HERE).chain(ALLOWED_UNNAMED).map(|call| (*call, Vec::new())).collect();
    rules.push((libc::SYS_clone, vec![all(vec![no_bits(0, NAMESPACES)?])?]));
    // Where supervisor and programs are one user, its limits are not theirs to change.
    rules.push((libc::SYS_prlimit64, vec![all(vec![not(0, SUPERVISOR)?])?]));
    // Faking terminal input, and the console's own copy and paste.
    rules.push((libc::SYS_ioctl, vec![all(vec![not(1, libc::TIOCSTI)?, not(1, 0x541C)?])?]));
    rules.push((libc::SYS_personality, any(0, &[0, 0x8, 0x2_0000, 0x2_0008, 0xFFFF_FFFF])?));
    let families = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6].map(|family| family as u64);
    // Of what the kernel has behind netlink, programs need the list of interfaces.
    let netlink = all(vec![is(0, libc::AF_NETLINK as u64)?, is(2, libc::NETLINK_ROUTE as u64)?])?;
    rules.push((libc::SYS_socket, any(0, &families)?.into_iter().chain([netlink]).collect()));
    rules.push((libc::SYS_socketpair, any(0, &families[..1])?));
    Ok(rules)
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

    #[test]
    fn the_filters_compile_and_no_call_is_listed_twice() {
        Filters::compile().unwrap();
        let mut calls: Vec<i64> =
            rules().unwrap().into_iter().map(|(call, _)| call).chain(absent()).collect();
        let count = calls.len();
        calls.sort_unstable();
        calls.dedup();
        assert_eq!(calls.len(), count);
    }
}
