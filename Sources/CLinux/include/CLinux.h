// What Swift cannot call itself: variadic system calls, the CMSG macros, calls that glibc has no wrapper for.
// Every function returns a value >= 0, or -errno.
#ifndef CLINUX_H
#define CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "CLinuxFiles.h"
#include "CLinuxSpawn.h"

// Descriptors that one message may carry. A unix socket's own limit is 253 (SCM_MAX_FD); nothing here sends
// more than a few, and what a peer sends beyond this is closed by the kernel (MSG_CTRUNC).
#define CSYS_MAX_FDS 4

/// Sends one message with `fd_count` (0...CSYS_MAX_FDS) descriptors. Never raises SIGPIPE.
ssize_t csys_send(int socket, const void *bytes, size_t count, const int *fds, size_t fd_count, int flags);

/// Receives one message and up to CSYS_MAX_FDS descriptors (close-on-exec), their number in *fd_count.
/// A message longer than `capacity` gives -EMSGSIZE and closes what it carried.
ssize_t csys_receive(int socket, void *bytes, size_t capacity, int *fds, size_t *fd_count, int flags);

/// Fills *uid, *gid, *pid with those of the process at the other end, as it was when it connected.
int csys_peer_credentials(int socket, uid_t *uid, gid_t *gid, pid_t *pid);

int csys_unix_socket(int type);
int csys_unix_bind(int socket, const char *path);
int csys_unix_connect(int socket, const char *path);

/// A connection, non-blocking and close-on-exec; -EAGAIN when none waits.
int csys_accept(int socket);

/// A folder as a mere place (O_PATH), for names relative to it.
int csys_open_folder(const char *path);
int csys_fcntl_get(int fd, int command);
int csys_fcntl_set(int fd, int command, long argument);

int csys_memfd_create(const char *name, unsigned int flags);
/// F_GET_SEALS of a memfd; -EINVAL for what is no memfd.
int csys_get_seals(int fd);
int csys_add_seals(int fd, int seals);

int csys_pidfd_open(pid_t pid);
int csys_pidfd_send_signal(int pidfd, int signal);

#endif
