#include "CLinuxSpawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

char **csys_environment(void) {
    return environ;
}

// Above every descriptor that a started program gets.
enum { TERMINAL = 64 };

static int set_up(posix_spawn_file_actions_t *files, posix_spawnattr_t *attributes, const int *standard, int kept,
                  const char *terminal) {
    int error = 0;
    // The first terminal that the leader of a new session opens becomes its controlling one, and stays it when it is
    // closed: /dev/tty is there then.
    if (terminal) error = posix_spawn_file_actions_addopen(files, TERMINAL, terminal, O_RDWR, 0);
    for (int i = 0; i < 3 && error == 0; i++) error = posix_spawn_file_actions_adddup2(files, standard[i], i);
    // After the three: number 3 may have been one of theirs.
    if (error == 0 && kept >= 0) error = posix_spawn_file_actions_adddup2(files, kept, 3);
    if (error == 0) error = posix_spawn_file_actions_addclosefrom_np(files, kept >= 0 ? 4 : 3);
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    if (error == 0) error = posix_spawnattr_setsigdefault(attributes, &all);
    if (error == 0) error = posix_spawnattr_setsigmask(attributes, &none);
    short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    if (terminal) flags |= POSIX_SPAWN_SETSID;
    if (error == 0) error = posix_spawnattr_setflags(attributes, flags);
    return error;
}

int csys_spawn(const char *program, char *const argv[], char *const envp[], int in, int out, int err, int kept,
               const char *terminal) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&files);
    if (error) return -error;
    error = posix_spawnattr_init(&attributes);
    if (error) {
        posix_spawn_file_actions_destroy(&files);
        return -error;
    }
    const int standard[3] = {in, out, err};
    pid_t pid = -1;
    error = set_up(&files, &attributes, standard, kept, terminal);
    if (error == 0) error = posix_spawnp(&pid, program, &files, &attributes, argv, envp);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return error ? -error : pid;
}

int csys_pipe(int ends[2], int capacity) {
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    // An unprivileged user's quota may be used up; the default size works too.
    (void)fcntl(ends[0], F_SETPIPE_SZ, capacity);
    return 0;
}

ssize_t csys_give_pages(int pipe, const void *bytes, size_t count) {
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    return vmsplice(pipe, &part, 1, SPLICE_F_NONBLOCK);
}

int csys_waiting_bytes(int fd) {
    int count = 0;
    return ioctl(fd, FIONREAD, &count) < 0 ? -errno : count;
}

int csys_open_terminal(char *name, size_t size) {
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) return -errno;
    struct termios settings;
    int error = 0;
    if (grantpt(fd) < 0 || unlockpt(fd) < 0 || tcgetattr(fd, &settings) < 0) error = errno;
    if (error == 0) error = ptsname_r(fd, name, size);
    settings.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
    if (error == 0 && tcsetattr(fd, TCSANOW, &settings) < 0) error = errno;
    if (error == 0) return fd;
    close(fd);
    return -error;
}
