// Processes: parents and children, groups and sessions (those whose leaders are gone too), zombies, stopped ones, and
// what each has of its own: folder, mask, limits, name, death signal.

#include "kind.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum role { SESSION, GROUP, MEMBER, ORPHAN, LEADERLESS_GROUP, LEADERLESS_SESSION, STOPPED, SETTINGS, ROLES };
static const char *const names[ROLES] = {
    "a session's leader", "a group's leader", "a group's member", "an orphan", "a member of a group without leader",
    "a member of a session without leader", "a stopped process", "a process with settings of its own",
};

/// What a process says of itself, again and again.
struct self {
    pid_t pid, parent, group, session;
    uint64_t memory;
    char name[16], folder[256];
    mode_t mask;
    int nice, death_signal, dumpable, no_new_privileges;
    struct rlimit files;
};

static struct slot {
    uint64_t beats;
    struct self self;
} *slots;
static struct self before[ROLES];
static pid_t zombie, program;
static int zombie_code;

static void tell(struct self *self, uint64_t memory)
{
    self->pid = getpid();
    self->parent = getppid();
    self->group = getpgrp();
    self->session = getsid(0);
    self->memory = memory;
    prctl(PR_GET_NAME, self->name);
    if (!getcwd(self->folder, sizeof self->folder))
        strcpy(self->folder, "none");
    self->mask = umask(0);
    umask(self->mask);
    self->nice = getpriority(PRIO_PROCESS, 0);
    prctl(PR_GET_PDEATHSIG, &self->death_signal);
    self->dumpable = prctl(PR_GET_DUMPABLE);
    self->no_new_privileges = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
    getrlimit(RLIMIT_NOFILE, &self->files);
}

static _Noreturn void live(enum role role)
{
    volatile uint64_t memory = mix(role);
    for (;;) {
        tell(&slots[role].self, memory);
        __atomic_fetch_add(&slots[role].beats, 1, __ATOMIC_RELEASE);
        pause_for(10);
    }
}

static uint64_t beats(enum role role) { return __atomic_load_n(&slots[role].beats, __ATOMIC_ACQUIRE); }

static bool tells(enum role role)
{
    // The first may have been begun before.
    uint64_t seen = beats(role);
    return soon(beats(role) >= seen + 2);
}

static pid_t start(enum role role, void (*prepare)(void))
{
    pid_t child = must(fork());
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (prepare)
            prepare();
        live(role);
    }
    return child;
}

static void lead_session(void)
{
    must(setsid());
    pid_t leader = must(fork());
    if (leader == 0) {
        must(setpgid(0, 0));
        pid_t group = getpid(), member = must(fork());
        if (member == 0) {
            must(setpgid(0, group));
            live(MEMBER);
        }
        live(GROUP);
    }
}

static void lead_group(void) { must(setpgid(0, 0)); }
static void lead_new_session(void) { must(setsid()); }

/// Starts `role` as the child of a leader that ends.
static void start_leaderless(enum role role, void (*prepare)(void))
{
    pid_t leader = must(fork());
    if (leader == 0) {
        prepare();
        if (must(fork()) == 0)
            live(role);
        _exit(0);
    }
    must(waitpid(leader, NULL, 0));
}

static void nothing(void) {}

static void settings(void)
{
    must(mkdir("deep", 0755));
    must(chdir("deep"));
    umask(027);
    // More than its parent's, which may have some.
    must(setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + 2));
    struct rlimit files;
    must(getrlimit(RLIMIT_NOFILE, &files));
    files.rlim_cur = 333;
    must(setrlimit(RLIMIT_NOFILE, &files));
    must(prctl(PR_SET_NAME, "with settings"));
    must(prctl(PR_SET_PDEATHSIG, SIGTERM));
    must(prctl(PR_SET_DUMPABLE, 0));
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

static bool is_state(pid_t pid, char state)
{
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    ssize_t size = read(file, text, sizeof text - 1);
    close(file);
    char *end = size > 0 ? strrchr(text, ')') : NULL;
    return end && end[2] == state;
}

static bool has_text(pid_t pid, const char *name, const char *text)
{
    char path[64], found[512] = "";
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = file < 0 ? 0 : read(file, found, sizeof found - 1);
    if (file >= 0)
        close(file);
    return size > 0 && strcmp(found, text) == 0;
}

static void make(void)
{
    slots = must(mmap(NULL, sizeof(struct slot) * ROLES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    start(SESSION, lead_session);
    start_leaderless(ORPHAN, nothing);
    start_leaderless(LEADERLESS_GROUP, lead_group);
    start_leaderless(LEADERLESS_SESSION, lead_new_session);
    start(SETTINGS, settings);
    pid_t stopped = start(STOPPED, NULL);
    for (enum role role = 0; role < ROLES; role++)
        if (!tells(role))
            give_up(names[role], __LINE__);
    must(kill(stopped, SIGSTOP));
    if (!soon(is_state(stopped, 'T')))
        give_up("it does not stop", __LINE__);
    for (enum role role = 0; role < ROLES; role++)
        before[role] = slots[role].self;

    // Of codes above 127 CRIU restores the lower seven bits.
    zombie_code = (int)(mix(1000) % 127) + 1;
    zombie = must(fork());
    if (zombie == 0)
        _exit(zombie_code);
    if (!soon(is_state(zombie, 'Z')))
        give_up("it does not end", __LINE__);

    program = must(fork());
    if (program == 0) {
        char value[64];
        snprintf(value, sizeof value, "NONCE=%016llx", (unsigned long long)nonce);
        execle("/usr/bin/sleep", "a sleeper", "100000", NULL, (char *[]){value, NULL});
        _exit(127);
    }
    if (!soon(has_text(program, "cmdline", "a sleeper")))
        give_up("the program does not start", __LINE__);
}

static void check_process(enum role role)
{
    struct self *now = &slots[role].self, *then = &before[role];
    const char *name = names[role];
    expect(tells(role), "%s lives", name);
    expect(now->pid == then->pid && now->parent == then->parent, "%s has its id and its parent", name);
    expect(now->group == then->group && now->session == then->session, "%s is in its group and session", name);
    expect(now->memory == mix(role), "%s has its memory", name);
    expect(strcmp(now->name, then->name) == 0, "%s has its name", name);
    expect(strcmp(now->folder, then->folder) == 0, "%s is in its folder", name);
    expect(now->mask == then->mask, "%s has its file mode mask", name);
    expect(now->nice == then->nice, "%s has its nice value", name);
    expect(now->death_signal == then->death_signal, "%s gets its signal when its parent ends", name);
    expect(now->dumpable == then->dumpable, "%s is as dumpable", name);
    expect(now->no_new_privileges == then->no_new_privileges, "%s may gain as many privileges", name);
    expect(memcmp(&now->files, &then->files, sizeof now->files) == 0, "%s has its limit of open files", name);
}

static void check(void)
{
    uint64_t stopped = beats(STOPPED);
    pid_t pid = before[STOPPED].pid;
    expect(is_state(pid, 'T'), "%s is stopped", names[STOPPED]);
    pause_for(50);
    expect(beats(STOPPED) == stopped, "%s does nothing", names[STOPPED]);
    expect(kill(pid, SIGCONT) == 0, "%s is continued", names[STOPPED]);
    for (enum role role = 0; role < ROLES; role++)
        check_process(role);
    expect(kill(pid, SIGSTOP) == 0 && soon(is_state(pid, 'T')), "%s stops again", names[STOPPED]);

    siginfo_t end = {0};
    expect(is_state(zombie, 'Z'), "a zombie is one");
    expect(waitid(P_PID, (id_t)zombie, &end, WEXITED | WNOWAIT | WNOHANG) == 0 && end.si_status == zombie_code,
           "a zombie has its exit code");
    char value[64];
    snprintf(value, sizeof value, "NONCE=%016llx", (unsigned long long)nonce);
    expect(has_text(program, "environ", value), "a program has its environment");
    expect(has_text(program, "cmdline", "a sleeper"), "a program has its arguments");
    expect(has_text(program, "comm", "sleep\n"), "a program has its name");
}

static void lose_member(void) { kill(before[MEMBER].pid, SIGKILL); }
static void lose_orphan(void) { kill(before[ORPHAN].pid, SIGKILL); }
static void lose_group(void) { setpgid(before[SETTINGS].pid, before[SETTINGS].pid); }
static void lose_stop(void) { kill(before[STOPPED].pid, SIGCONT); soon(!is_state(before[STOPPED].pid, 'T')); }
static void lose_zombie(void) { waitpid(zombie, NULL, 0); }
static void lose_nice(void) { setpriority(PRIO_PROCESS, (id_t)before[SETTINGS].pid, before[SETTINGS].nice + 1); }
static void lose_limit(void)
{
    struct rlimit other = before[SETTINGS].files;
    other.rlim_cur++;
    prlimit(before[SETTINGS].pid, RLIMIT_NOFILE, &other, NULL);
}
static void lose_program(void) { kill(program, SIGKILL); soon(is_state(program, 'Z')); }

const struct kind kind = {
    "processes", make, NULL, check,
    (const struct loss[]){
        {"a group's member", lose_member}, {"an orphan", lose_orphan}, {"a group", lose_group},
        {"that a process was stopped", lose_stop}, {"a zombie", lose_zombie}, {"a nice value", lose_nice},
        {"a limit", lose_limit}, {"a program", lose_program}, {0}},
};
