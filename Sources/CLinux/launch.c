#include "CLinuxProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Above every target, so that moving one descriptor into its place never overwrites another that is still to be moved.
enum { PARKING = 128 };

static int add_descriptors(posix_spawn_file_actions_t *actions, const struct csys_descriptor *descriptors,
                           size_t count, int *parked) {
    int highest = -1;
    for (size_t i = 0; i < count; i++) {
        if (descriptors[i].target < 0 || descriptors[i].target >= PARKING) return -EINVAL;
        parked[i] = fcntl(descriptors[i].source, F_DUPFD_CLOEXEC, PARKING);
        if (parked[i] < 0) return -errno;
        int error = posix_spawn_file_actions_adddup2(actions, parked[i], descriptors[i].target);
        if (error != 0) return -error;
        if (descriptors[i].target > highest) highest = descriptors[i].target;
    }
    // What other threads have open without close-on-exec must not get in either. Targets may have gaps.
    for (int fd = 0; fd <= highest; fd++) {
        int wanted = 0;
        for (size_t i = 0; i < count; i++) wanted |= descriptors[i].target == fd;
        int error = wanted ? 0 : posix_spawn_file_actions_addclose(actions, fd);
        if (error != 0) return -error;
    }
    int error = posix_spawn_file_actions_addclosefrom_np(actions, highest + 1);
    return -error;
}

static int set_attributes(posix_spawnattr_t *attributes, int new_session) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int error = posix_spawnattr_setsigmask(attributes, &none);
    if (error == 0) error = posix_spawnattr_setsigdefault(attributes, &all);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (new_session) flags |= POSIX_SPAWN_SETSID;
    if (error == 0) error = posix_spawnattr_setflags(attributes, flags);
    return -error;
}

int csys_launch(const char *path, char *const argv[], char *const envp[],
               const struct csys_descriptor *descriptors, size_t count, int new_session) {
    if (count > CSYS_LAUNCH_MAX) return -EINVAL;
    int parked[CSYS_LAUNCH_MAX];
    for (size_t i = 0; i < CSYS_LAUNCH_MAX; i++) parked[i] = -1;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0) return -error;
    error = posix_spawnattr_init(&attributes);
    if (error != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return -error;
    }
    pid_t pid = -1;
    int result = add_descriptors(&actions, descriptors, count, parked);
    if (result == 0) result = set_attributes(&attributes, new_session);
    if (result == 0) result = -posix_spawn(&pid, path, &actions, &attributes, argv, envp);
    for (size_t i = 0; i < count; i++)
        if (parked[i] >= 0) close(parked[i]);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return result < 0 ? result : pid;
}

int csys_reap(pid_t pid, int *status) {
    pid_t ended;
    do ended = waitpid(pid, status, WNOHANG);
    while (ended < 0 && errno == EINTR);
    return ended < 0 ? -errno : ended > 0;
}

int csys_idle_io(void) {
    // No header has them (ioprio_set(2)).
    enum { WHO_PROCESS = 1, CLASS_IDLE = 3, CLASS_SHIFT = 13 };
    return syscall(SYS_ioprio_set, WHO_PROCESS, 0, CLASS_IDLE << CLASS_SHIFT) < 0 ? -errno : 0;
}

int csys_become_subreaper(void) {
    return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ? -errno : 0;
}

int csys_wait_readable(int fd, int milliseconds) {
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    int count = poll(&entry, 1, milliseconds);
    return count < 0 ? -errno : count > 0;
}
