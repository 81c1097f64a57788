#include "CLinuxProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

// A handler rather than signalfd(2): threads that were there before would have to block the signals, too, and a Swift
// program has such threads before its first line runs.
static int signal_pipe[2] = {-1, -1};

static void note(int signal) {
    int saved = errno;
    unsigned char byte = (unsigned char)signal;
    // A full pipe holds more signals than anyone will ask for.
    ssize_t written = write(signal_pipe[1], &byte, 1);
    (void)written;
    errno = saved;
}

int csys_signal_descriptor(const int *signals, size_t count) {
    if (signal_pipe[0] < 0 && pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) < 0) return -errno;
    for (size_t i = 0; i < count; i++) {
        struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
        sigemptyset(&action.sa_mask);
        if (sigaction(signals[i], &action, NULL) < 0) return -errno;
    }
    int fd = fcntl(signal_pipe[0], F_DUPFD_CLOEXEC, 3);
    return fd < 0 ? -errno : fd;
}

int csys_next_signal(int fd) {
    unsigned char byte;
    return read(fd, &byte, 1) == 1 ? byte : 0;
}
