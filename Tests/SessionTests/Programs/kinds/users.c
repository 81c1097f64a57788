// Users other than root: ids, groups, capabilities, bits and bounds of their processes; what they may still not do; files
// that are theirs. Also root that has put on another user for a while.

#include "kind.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { USER = 1001, OTHER = 1002, ROLES = 4 };
static const char *const names[ROLES] = {
    "an ordinary user", "root as another user", "a user with capabilities", "a user without a way back",
};

static struct self {
    uint64_t beats;
    pid_t pid;
    /// Uid to CapAmb of /proc/self/status, and the rest in words.
    char status[2048];
    unsigned long bits;
    bool may_read, may_signal, made_file;
    uint64_t memory;
} *selves, before[ROLES];

static void tell(struct self *self)
{
    char text[4096] = "";
    // Of this process: not every one may read it again once it has changed its user.
    static int file = -1;
    if (file < 0)
        file = open("/proc/self/status", O_RDONLY);
    ssize_t size = pread(file, text, sizeof text - 1, 0);
    text[size > 0 ? size : 0] = 0;
    self->status[0] = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        if (strncmp(line, "Uid", 3) == 0 || strncmp(line, "Gid", 3) == 0 || strncmp(line, "Groups", 6) == 0 ||
            strncmp(line, "Cap", 3) == 0 || strncmp(line, "NoNewPrivs", 10) == 0)
            strcat(strcat(self->status, line), "\n");
    self->bits = (unsigned long)prctl(PR_GET_SECUREBITS);
    int secret = open("secret", O_RDONLY);
    self->may_read = secret >= 0;
    close(secret);
    self->may_signal = kill(getppid(), 0) == 0;
    char name[32];
    snprintf(name, sizeof name, "open/%d", getpid());
    int made = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0666);
    self->made_file = made >= 0;
    close(made);
}

static void become(int role)
{
    static const gid_t groups[] = {7, 1001, 44, 60000};
    must(setgroups(4, groups));
    switch (role) {
    case 0:
        must(setresgid(USER, USER, USER));
        must(setresuid(USER, USER, USER));
        break;
    case 1:
        // Root may come back.
        must(setresgid(0, USER, 0));
        must(setresuid(0, USER, 0));
        setfsgid(OTHER);
        break;
    case 2: {
        must(prctl(PR_SET_KEEPCAPS, 1));
        must(setresgid(USER, OTHER, USER));
        must(setresuid(USER, USER, USER));
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        uint32_t wanted = 1u << CAP_NET_BIND_SERVICE | 1u << CAP_CHOWN;
        struct __user_cap_data_struct data[2] = {{.effective = 1u << CAP_CHOWN, .permitted = wanted, .inheritable = wanted}};
        must(syscall(SYS_capset, &header, data));
        must(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0));
        break;
    }
    case 3:
        must(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED));
        must(prctl(PR_CAPBSET_DROP, CAP_SYS_CHROOT));
        must(setresgid(OTHER, OTHER, OTHER));
        must(setresuid(OTHER, OTHER, OTHER));
        must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
        break;
    }
}

static _Noreturn void live(int role)
{
    become(role);
    // A change of user forgets it.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct self *self = &selves[role];
    volatile uint64_t memory = mix((uint64_t)role);
    self->pid = getpid();
    for (;;) {
        tell(self);
        self->memory = memory;
        __atomic_fetch_add(&self->beats, 1, __ATOMIC_RELEASE);
        pause_for(10);
    }
}

static bool tells(int role)
{
    uint64_t seen = __atomic_load_n(&selves[role].beats, __ATOMIC_ACQUIRE);
    return soon(__atomic_load_n(&selves[role].beats, __ATOMIC_ACQUIRE) >= seen + 2);
}

static void make(void)
{
    selves = must(mmap(NULL, ROLES * sizeof *selves, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    must(close(must(open("secret", O_CREAT | O_EXCL | O_WRONLY, 0600))));
    must(mkdir("open", 0));
    must(chmod("open", 0777));
    for (int role = 0; role < ROLES; role++)
        if (must(fork()) == 0)
            live(role);
    for (int role = 0; role < ROLES; role++) {
        if (!tells(role))
            give_up(names[role], __LINE__);
        before[role] = selves[role];
    }
    if (before[0].may_read || before[3].may_read || !before[0].made_file)
        give_up("users are not what they should be", __LINE__);
}

static void check(void)
{
    for (int role = 0; role < ROLES; role++) {
        struct self *now = &selves[role], *then = &before[role];
        const char *name = names[role];
        expect(tells(role), "%s lives", name);
        expect(now->memory == mix((uint64_t)role), "%s has its memory", name);
        bool same = strcmp(now->status, then->status) == 0;
        expect(same, "%s has its ids, groups and capabilities", name);
        expect(now->bits == then->bits, "%s has its bits", name);
        expect(now->may_read == then->may_read && now->may_signal == then->may_signal && now->made_file, "%s may do as much", name);
        char path[32];
        struct stat status;
        snprintf(path, sizeof path, "open/%d", now->pid);
        expect(stat(path, &status) == 0 && status.st_uid == (role == 3 ? OTHER : USER), "%s owns what it makes", name);
        unlink(path);
    }
}

static void lose_user(void) { before[1].status[6] ^= 1; }
static void lose_process(void) { kill(before[2].pid, SIGKILL); }
static void lose_files(void) { must(chmod("secret", 0644)); must(tells(0) ? 0 : -1); }
static void lose_bits(void) { before[3].bits ^= 1; }

const struct kind kind = {
    "users", make, NULL, check,
    (const struct loss[]){
        {"ids", lose_user}, {"a process", lose_process}, {"what a user may not do", lose_files}, {"bits", lose_bits}, {0}},
};
