/// The system calls of a pod: what is not listed gives ENOSYS, so that programs fall back as on an older kernel; what the
/// kernel has but a pod may not use gives EPERM.
extension RuntimeSpec.Seccomp {
    static let pod = RuntimeSpec.Seccomp(
        defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: enosys,
        architectures: architectures,
        syscalls: [
            Rule(
                names: files + descriptors + memory + processes + identity + signals + time + waiting + sockets
                    + interProcess + scheduling + system + architecture,
                action: "SCMP_ACT_ALLOW"),
            // Namespaces of a pod's own could not be dumped, and open much of the kernel to strangers. clone3's flags lie
            // in memory, where a filter cannot see them: glibc falls back to clone on ENOSYS.
            Rule(
                names: ["clone"], action: "SCMP_ACT_ALLOW",
                args: [Argument(index: 0, value: namespaceFlags, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ")]),
            Rule(names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: enosys),
            Rule(
                names: ["personality"], action: "SCMP_ACT_ALLOW",
                args: [Argument(index: 0, value: 0, valueTwo: 0, op: "SCMP_CMP_EQ")]),
            Rule(
                names: ["personality"], action: "SCMP_ACT_ALLOW",
                args: [Argument(index: 0, value: 0xffff_ffff, valueTwo: 0, op: "SCMP_CMP_EQ")]),
            Rule(names: denied, action: "SCMP_ACT_ERRNO", errnoRet: eperm),
        ])

    #if arch(arm64)
    private static let architectures = ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
    #else
    private static let architectures = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
    #endif

    private static let eperm: UInt32 = 1
    private static let enosys: UInt32 = 38

    /// CLONE_NEWTIME (which is also a signal bit of clone), NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET;
    /// without the first.
    private static let namespaceFlags: UInt64 = 0x7e02_0000

    private static let files = [
        "access", "chdir", "chmod", "chown", "chown32", "chroot", "creat", "faccessat", "faccessat2", "fallocate",
        "fadvise64", "fadvise64_64", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown", "fchown32", "fchownat",
        "fdatasync", "fgetxattr", "flistxattr", "flock", "fremovexattr", "fsetxattr", "fstat", "fstat64", "fstatat64",
        "fstatfs", "fstatfs64", "fsync", "ftruncate", "ftruncate64", "futimesat", "getcwd", "getdents", "getdents64",
        "getxattr", "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch", "lchown", "lchown32",
        "lgetxattr", "link", "linkat", "listxattr", "llistxattr", "lremovexattr", "lsetxattr", "lstat", "lstat64",
        "mkdir", "mkdirat", "mknod", "mknodat", "newfstatat", "open", "openat", "openat2", "readlink", "readlinkat",
        "removexattr", "rename", "renameat", "renameat2", "rmdir", "setxattr", "stat", "stat64", "statfs", "statfs64",
        "statx", "symlink", "symlinkat", "sync", "sync_file_range", "syncfs", "truncate", "truncate64", "umask",
        "unlink", "unlinkat", "utime", "utimensat", "utimensat_time64", "utimes",
    ]

    private static let descriptors = [
        "_llseek", "close", "close_range", "copy_file_range", "dup", "dup2", "dup3", "eventfd", "eventfd2", "fcntl",
        "fcntl64", "ioctl", "lseek", "memfd_create", "pipe", "pipe2", "pread64", "preadv", "preadv2", "pwrite64",
        "pwritev", "pwritev2", "read", "readahead", "readv", "sendfile", "sendfile64", "splice", "tee", "vmsplice",
        "write", "writev",
    ]

    private static let memory = [
        "brk", "madvise", "mbind", "membarrier", "mincore", "mlock", "mlock2", "mlockall", "mmap", "mmap2", "mprotect",
        "mremap", "msync", "munlock", "munlockall", "munmap", "pkey_alloc", "pkey_free", "pkey_mprotect",
        "process_madvise", "remap_file_pages", "mseal",
    ]

    /// ptrace and its kin reach the caller's own user namespace only: debuggers and sanitizers of the pod need them.
    private static let processes = [
        "execve", "execveat", "exit", "exit_group", "fork", "getpgid", "getpgrp", "getpid", "getppid", "getrlimit",
        "getrusage", "getsid", "gettid", "kcmp", "pidfd_getfd", "pidfd_open", "prctl", "prlimit64",
        "process_vm_readv", "process_vm_writev", "ptrace", "set_robust_list", "get_robust_list", "set_tid_address",
        "setpgid", "setrlimit", "setsid", "ugetrlimit", "vfork", "wait4", "waitid", "waitpid", "rseq", "futex",
        "futex_time64", "futex_waitv", "futex_wake", "futex_wait", "futex_requeue",
    ]

    /// Without landlock: nobody can tell from outside what a program has forbidden itself by it, and it would be restored
    /// without. Programs do without it where the kernel has none.
    private static let identity = [
        "capget", "capset", "getegid", "getegid32", "geteuid", "geteuid32", "getgid", "getgid32", "getgroups",
        "getgroups32", "getresgid", "getresgid32", "getresuid", "getresuid32", "getuid", "getuid32", "setfsgid",
        "setfsgid32", "setfsuid", "setfsuid32", "setgid", "setgid32", "setgroups", "setgroups32", "setregid",
        "setregid32", "setresgid", "setresgid32", "setresuid", "setresuid32", "setreuid", "setreuid32", "setuid",
        "setuid32", "seccomp",
    ]

    private static let signals = [
        "kill", "pause", "pidfd_send_signal", "restart_syscall", "rt_sigaction", "rt_sigpending", "rt_sigprocmask",
        "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64",
        "rt_tgsigqueueinfo", "sigaction", "sigaltstack", "signal", "signalfd", "signalfd4", "sigpending",
        "sigprocmask", "sigreturn", "sigsuspend", "tgkill", "tkill",
    ]

    private static let time = [
        "alarm", "clock_getres", "clock_getres_time64", "clock_gettime", "clock_gettime64", "clock_nanosleep",
        "clock_nanosleep_time64", "getitimer", "gettimeofday", "nanosleep", "setitimer", "time", "timer_create",
        "timer_delete", "timer_getoverrun", "timer_gettime", "timer_gettime64", "timer_settime", "timer_settime64",
        "timerfd_create", "timerfd_gettime", "timerfd_gettime64", "timerfd_settime", "timerfd_settime64", "times",
    ]

    private static let waiting = [
        "_newselect", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait", "epoll_pwait2",
        "epoll_wait", "epoll_wait_old", "poll", "ppoll", "ppoll_time64", "pselect6", "pselect6_time64", "select",
        "io_cancel", "io_destroy", "io_getevents", "io_pgetevents", "io_pgetevents_time64", "io_setup", "io_submit",
    ]

    private static let sockets = [
        "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recv",
        "recvfrom", "recvmmsg", "recvmmsg_time64", "recvmsg", "send", "sendmmsg", "sendmsg", "sendto", "setsockopt",
        "shutdown", "socket", "socketcall", "socketpair",
    ]

    private static let interProcess = [
        "ipc", "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedreceive_time64", "mq_timedsend",
        "mq_timedsend_time64", "mq_unlink", "msgctl", "msgget", "msgrcv", "msgsnd", "semctl", "semget", "semop",
        "semtimedop", "semtimedop_time64", "shmat", "shmctl", "shmdt", "shmget",
    ]

    private static let scheduling = [
        "get_mempolicy", "getcpu", "getpriority", "ioprio_get", "ioprio_set", "nice", "sched_get_priority_max",
        "sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler",
        "sched_rr_get_interval", "sched_rr_get_interval_time64", "sched_setaffinity", "sched_setattr",
        "sched_setparam", "sched_setscheduler", "sched_yield", "set_mempolicy", "setpriority",
    ]

    private static let system = ["getrandom", "sysinfo", "syslog", "uname", "sethostname", "setdomainname"]

    private static let architecture = [
        "arch_prctl", "get_thread_area", "modify_ldt", "set_thread_area",
    ]

    /// Known, and refused: what reaches around the pod's borders, or can be neither dumped nor restored.
    private static let denied = [
        "acct", "add_key", "adjtimex", "bpf", "clock_adjtime", "clock_adjtime64", "clock_settime", "clock_settime64",
        "delete_module", "fanotify_init", "fanotify_mark", "finit_module", "fsconfig", "fsmount", "fsopen", "fspick",
        "init_module", "io_uring_enter", "io_uring_register", "io_uring_setup", "ioperm", "iopl", "kexec_file_load",
        "kexec_load", "keyctl", "lookup_dcookie", "memfd_secret", "migrate_pages", "mount", "mount_setattr",
        "move_mount", "move_pages", "name_to_handle_at", "open_by_handle_at", "open_tree", "perf_event_open",
        "pivot_root", "process_mrelease", "quotactl", "quotactl_fd", "reboot", "request_key", "set_mempolicy_home_node",
        "setns", "settimeofday", "stime", "swapoff", "swapon", "umount", "umount2", "unshare", "userfaultfd",
        "vhangup",
    ]
}
