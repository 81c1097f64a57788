#include "CLinuxMounts.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    ssize_t count = write(fd, text, strlen(text));
    int result = count < 0 ? -errno : 0;
    close(fd);
    return result;
}

int csys_user_namespace(uint32_t base, uint32_t count) {
    // The child only holds the namespace until it is open here: no memory is written after the call, so sharing
    // nothing with this (threaded) process but a copy of its pages is safe.
    pid_t child = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
    if (child < 0) return -errno;
    if (child == 0)
        for (;;) syscall(SYS_pause);

    char path[64], map[64];
    snprintf(map, sizeof map, "0 %u %u\n", base, count);
    snprintf(path, sizeof path, "/proc/%d/uid_map", child);
    int result = write_file(path, map);
    if (result >= 0) {
        snprintf(path, sizeof path, "/proc/%d/gid_map", child);
        result = write_file(path, map);
    }
    if (result >= 0) {
        snprintf(path, sizeof path, "/proc/%d/ns/user", child);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        result = fd < 0 ? -errno : fd;
    }
    kill(child, SIGKILL);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    return result;
}
