#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int checked(long result) {
    return result < 0 ? -errno : (int)result;
}

int csys_open_folder(const char *path) {
    return checked(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
}

int csys_fcntl_get(int fd, int command) {
    return checked(fcntl(fd, command));
}

int csys_fcntl_set(int fd, int command, long argument) {
    return checked(fcntl(fd, command, argument));
}

int csys_has_fixed_size(int fd) {
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0) return -errno;
    const int wanted = F_SEAL_SHRINK | F_SEAL_GROW;
    return (seals & wanted) == wanted;
}

int csys_pidfd_open(pid_t pid) {
    return checked(syscall(SYS_pidfd_open, pid, 0));
}

int csys_pidfd_send_signal(int pidfd, int signal) {
    return checked(syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0));
}
