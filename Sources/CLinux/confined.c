#include "CLinuxProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

// Above every target, so that moving one descriptor into its place never overwrites another that is still to be moved.
enum { PARKING = 128, TUN_MAJOR = 10, TUN_MINOR = 200 };

struct confined {
    const char *path;
    char *const *argv, *const *envp;
    const struct csys_descriptor *descriptors;
    size_t count;
    int user_namespace, isolated;
    // Read from, and written to by the parent.
    int gate[2];
};

// Everything from here on runs in the child of a process with threads: system calls and nothing else.

__attribute__((noreturn)) static void give_up(const char *what) {
    const char *reason = strerrordesc_np(errno);
    const char *parts[] = {what, ": ", reason ? reason : "?", "\n"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        ssize_t written = write(2, parts[i], strlen(parts[i]));
        (void)written;
    }
    _exit(127);
}

static void reset_signals(void) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++) sigaction(number, &standard, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void take_descriptors(const struct confined *program) {
    int highest = 2;
    for (size_t i = 0; i < program->count; i++) {
        int target = program->descriptors[i].target;
        if (dup2(program->descriptors[i].source, target) < 0) give_up("cannot take a descriptor");
        if (target > highest) highest = target;
    }
    for (int fd = 0; fd <= highest; fd++) {
        int wanted = 0;
        for (size_t i = 0; i < program->count; i++) wanted |= program->descriptors[i].target == fd;
        if (!wanted) close(fd);
    }
    syscall(SYS_close_range, highest + 1, PARKING - 1, 0);
}

// The host's own device may be root's alone; whoever can make devices in a network namespace of his own may have it.
static void make_tun(void) {
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) give_up("cannot part from the host's mounts");
    if (mount("tmpfs", "/dev/net", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=4k") < 0)
        give_up("cannot mount /dev/net");
    if (mknod("/dev/net/tun", S_IFCHR | 0666, makedev(TUN_MAJOR, TUN_MINOR)) < 0 || chmod("/dev/net/tun", 0666) < 0)
        give_up("cannot make /dev/net/tun");
}

// glibc's own calls would tell this process's other threads, of which there are none any more.
static void become_root_of(int user_namespace) {
    if (setns(user_namespace, CLONE_NEWUSER) < 0) give_up("cannot enter the user namespace");
    if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, 0, 0, 0) < 0 ||
        syscall(SYS_setresuid, 0, 0, 0) < 0)
        give_up("cannot become the user namespace's root");
}

__attribute__((noreturn)) static void run(const struct confined *program) {
    reset_signals();
    setsid();
    close(program->gate[1]);
    char byte;
    ssize_t got;
    do got = read(program->gate[0], &byte, 1);
    while (got < 0 && errno == EINTR);
    if (got != 1) _exit(0);
    take_descriptors(program);
    if (unshare(CLONE_NEWNS | (program->isolated ? CLONE_NEWNET : 0)) < 0) give_up("cannot make namespaces");
    make_tun();
    become_root_of(program->user_namespace);
    syscall(SYS_close_range, PARKING, ~0u, 0);
    execve(program->path, program->argv, program->envp);
    give_up("cannot start the program");
}

// Duplicates them above every target.
static int park(struct confined *program, struct csys_descriptor *parked, const struct csys_descriptor *descriptors,
                size_t count) {
    program->descriptors = parked;
    while (program->count < count) {
        struct csys_descriptor wanted = descriptors[program->count];
        if (wanted.target < 0 || wanted.target >= PARKING) return -EINVAL;
        wanted.source = fcntl(wanted.source, F_DUPFD_CLOEXEC, PARKING);
        if (wanted.source < 0) return -errno;
        parked[program->count++] = wanted;
    }
    return 0;
}

static void close_parked(const struct confined *program) {
    for (size_t i = 0; i < program->count; i++) close(program->descriptors[i].source);
}

int csys_launch_in_user_namespace(const char *path, char *const argv[], char *const envp[],
                                  const struct csys_descriptor *descriptors, size_t count, int user_namespace,
                                  int isolated, int *gate) {
    if (count > CSYS_LAUNCH_MAX) return -EINVAL;
    struct csys_descriptor parked[CSYS_LAUNCH_MAX];
    struct confined program = {
        .path = path,
        .argv = argv,
        .envp = envp,
        .user_namespace = fcntl(user_namespace, F_DUPFD_CLOEXEC, PARKING),
        .isolated = isolated,
    };
    if (program.user_namespace < 0) return -errno;
    int result = park(&program, parked, descriptors, count);
    if (result == 0 && pipe2(program.gate, O_CLOEXEC) < 0) result = -errno;
    if (result == 0) {
        result = fork();
        if (result == 0) run(&program);
        if (result < 0) result = -errno;
        close(program.gate[0]);
        if (result < 0) close(program.gate[1]);
        else *gate = program.gate[1];
    }
    close_parked(&program);
    close(program.user_namespace);
    return result;
}

__attribute__((noreturn)) static void run_in_cgroup(const struct confined *program, char *const lists[]) {
    reset_signals();
    setsid();
    for (; *lists; lists++) {
        int list = open(*lists, O_WRONLY | O_CLOEXEC);
        if (list < 0 || write(list, "0", 1) != 1) give_up("cannot enter the cgroup");
        close(list);
    }
    if (unshare(CLONE_NEWCGROUP) < 0) give_up("cannot make a cgroup namespace");
    take_descriptors(program);
    syscall(SYS_close_range, PARKING, ~0u, 0);
    execve(program->path, program->argv, program->envp);
    give_up("cannot start the program");
}

int csys_launch_in_cgroup(const char *path, char *const argv[], char *const envp[],
                          const struct csys_descriptor *descriptors, size_t count, char *const lists[]) {
    if (count > CSYS_LAUNCH_MAX) return -EINVAL;
    struct csys_descriptor parked[CSYS_LAUNCH_MAX];
    struct confined program = {.path = path, .argv = argv, .envp = envp};
    int result = park(&program, parked, descriptors, count);
    if (result == 0) {
        result = fork();
        if (result == 0) run_in_cgroup(&program, lists);
        if (result < 0) result = -errno;
    }
    close_parked(&program);
    return result;
}
