#include "CLinuxNetwork.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int csys_unix_socket_in(int namespace, int type) {
    // Only the calling thread moves, and it is back before anybody can run something else on it.
    int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (own < 0) return -errno;
    int result = setns(namespace, CLONE_NEWNET) < 0 ? -errno : 0;
    if (result == 0) {
        result = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (result < 0) result = -errno;
        // Whatever this thread did next would happen in the pod's network.
        if (setns(own, CLONE_NEWNET) < 0) abort();
    }
    close(own);
    return result;
}
