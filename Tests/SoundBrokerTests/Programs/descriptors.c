// The shims that take messages and descriptors from a pod, under the sanitizers: whatever comes, nothing is read or
// written beyond what there is, and no descriptor stays behind.
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "CLinux.h"

#define EXPECT(condition) \
    do \
        if (!(condition)) { \
            fprintf(stderr, "not so: %s\n", #condition); \
            exit(1); \
        } \
    while (0)

static int open_descriptors(void) {
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    EXPECT(folder);
    while (readdir(folder)) count++;
    closedir(folder);
    return count;
}

// Not by csys_send, which sends no more than is right.
static void send_descriptors(int socket, size_t bytes, int fd, size_t count) {
    char text[256] = {0};
    struct iovec vector = {.iov_base = text, .iov_len = bytes};
    size_t space = CMSG_SPACE(count * sizeof(int));
    char *control = calloc(1, space);
    EXPECT(control);
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (count > 0) {
        message.msg_control = control;
        message.msg_controllen = space;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        *header = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(count * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        for (size_t i = 0; i < count; i++) memcpy(CMSG_DATA(header) + i * sizeof fd, &fd, sizeof fd);
    }
    EXPECT(sendmsg(socket, &message, 0) == (ssize_t)bytes);
    free(control);
}

int main(void) {
    int ends[2];
    EXPECT(csys_socket_pair(SOCK_SEQPACKET, ends) == 0);
    const int before = open_descriptors();
    for (size_t bytes = 0; bytes <= 160; bytes += 16) {
        for (size_t count = 0; count <= 253; count = count < 8 ? count + 1 : count + 49) {
            send_descriptors(ends[0], bytes, ends[1], count);
            char *text = malloc(128);
            int *fds = malloc(CSYS_MAX_FDS * sizeof *fds);
            size_t received = 99;
            EXPECT(text && fds);
            ssize_t result = csys_receive(ends[1], text, 128, fds, &received, MSG_DONTWAIT);
            if (bytes > 128 || count > CSYS_MAX_FDS) EXPECT(result == -EMSGSIZE && received == 0);
            else EXPECT(result == (ssize_t)bytes && received == count);
            for (size_t i = 0; i < received; i++) close(fds[i]);
            free(fds);
            free(text);
            EXPECT(open_descriptors() == before);
        }
    }
    size_t received;
    EXPECT(csys_receive(ends[1], &received, 1, NULL, &received, MSG_DONTWAIT) == -EAGAIN);
    EXPECT(csys_send(ends[0], "", 1, ends, CSYS_MAX_FDS + 1, MSG_DONTWAIT) == -EINVAL);
    // Full, then broken: neither waits, neither raises SIGPIPE.
    const int errors[2] = {STDERR_FILENO, STDERR_FILENO};
    while (csys_send(ends[0], "12345678", 8, errors, 2, MSG_DONTWAIT) == 8) {}
    close(ends[1]);
    int error; // as it left something unread, a reset may be told of first
    do error = (int)csys_send(ends[0], "", 1, NULL, 0, MSG_DONTWAIT);
    while (error == -ECONNRESET);
    EXPECT(error == -EPIPE);
    close(ends[0]);
    return 0;
}
