#include "CLinux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

int csys_descriptors_of(pid_t process, const char *prefix, int *numbers, int capacity) {
    char path[64], target[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)process);
    DIR *folder = opendir(path);
    if (!folder) return -errno;
    size_t length = strlen(prefix);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        ssize_t got = readlinkat(dirfd(folder), entry->d_name, target, sizeof target);
        if (got < (ssize_t)length || memcmp(target, prefix, length)) continue;
        if (count < capacity) numbers[count] = atoi(entry->d_name);
        count++;
    }
    closedir(folder);
    return count;
}

int csys_thread_waits_in(pid_t process, const char *function) {
    char path[64], name[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)process);
    DIR *folder = opendir(path);
    if (!folder) return -errno;
    bool found = false;
    for (struct dirent *entry; !found && (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%.20s/wchan", entry->d_name);
        int file = openat(dirfd(folder), path, O_RDONLY | O_CLOEXEC);
        if (file < 0) continue; // it has ended
        ssize_t got = read(file, name, sizeof name - 1);
        close(file);
        name[got > 0 ? got : 0] = 0;
        found = !strcmp(name, function);
    }
    closedir(folder);
    return found;
}

int csys_tracer_of(pid_t process) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/status", (int)process);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return -errno;
    ssize_t got = read(file, text, sizeof text - 1);
    int error = errno;
    close(file);
    if (got < 0) return -error;
    text[got] = 0;
    // Among the first lines; a process's name, which comes before it, has its line ends escaped.
    const char *line = strstr(text, "\nTracerPid:\t");
    return line ? atoi(line + strlen("\nTracerPid:\t")) : -ENODATA;
}
