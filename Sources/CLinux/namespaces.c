#include "CLinuxMounts.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
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

static int loopback_up(void) {
    int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket_fd < 0) return -errno;
    struct ifreq request = {.ifr_name = "lo"};
    int result = 0;
    if (ioctl(socket_fd, SIOCGIFFLAGS, &request) < 0) result = -errno;
    request.ifr_flags |= IFF_UP;
    if (result == 0 && ioctl(socket_fd, SIOCSIFFLAGS, &request) < 0) result = -errno;
    close(socket_fd);
    return result;
}

int csys_prepare_network(pid_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (own < 0) return -errno;
    int namespace = open(path, O_RDONLY | O_CLOEXEC);
    int result = namespace < 0 || setns(namespace, CLONE_NEWNET) < 0 ? -errno : 0;
    if (namespace >= 0) close(namespace);
    if (result < 0) {
        close(own);
        return result;
    }
    // /proc/sys/net shows the namespace of the thread that reads it. Kernels without one of these do without it.
    write_file("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0\n");
    write_file("/proc/sys/net/ipv4/ping_group_range", "0 2147483647\n");
    result = loopback_up();
    // Back to where this thread came from.
    if (setns(own, CLONE_NEWNET) < 0 && result == 0) result = -errno;
    close(own);
    return result;
}
