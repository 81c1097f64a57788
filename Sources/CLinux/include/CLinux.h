// What Swift cannot call itself: variadic system calls, the CMSG macros, calls that glibc has no wrapper for.
// Every function returns a value >= 0, or -errno.
#ifndef CLINUX_H
#define CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "CLinuxFaults.h"
#include "CLinuxFiles.h"
#include "CLinuxMounts.h"
#include "CLinuxNetwork.h"
#include "CLinuxProcess.h"
#include "CLinuxProcessor.h"
#include "CLinuxQueues.h"
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
/// Two connected sockets, close-on-exec.
int csys_socket_pair(int type, int ends[2]);
int csys_unix_bind(int socket, const char *path);
int csys_unix_connect(int socket, const char *path);

/// A connection, non-blocking and close-on-exec; -EAGAIN when none waits.
int csys_accept(int socket);

/// A folder as a mere place (O_PATH), for names relative to it.
int csys_open_folder(const char *path);
int csys_fcntl_get(int fd, int command);
int csys_fcntl_set(int fd, int command, long argument);

/// 1 for a memfd whose size can change no more, 0 for another memfd, -EINVAL for what is none.
int csys_has_fixed_size(int fd);

int csys_epoll_create(void);
/// Adds (or, with `change`, alters) a watch: `interest` is 1 readable, 2 writable, 3 both.
int csys_epoll_watch(int epoll, int fd, int change, int interest, uint64_t token);
int csys_epoll_forget(int epoll, int fd);
/// Fills up to `capacity` tokens and what they are ready for (1, 2, 3; 4 added for hang-up or error) and
/// returns their number. 0 after `timeout_ms`, or when a signal came.
int csys_epoll_wait(int epoll, uint64_t *tokens, int *ready, int capacity, int timeout_ms);

/// A timer on CLOCK_MONOTONIC, non-blocking.
int csys_timer_create(void);
/// First after `first_ns`, then each `interval_ns` (0: once). 0, 0 stops it.
int csys_timer_set(int timer, uint64_t first_ns, uint64_t interval_ns);
/// A descriptor that is readable when SIGTERM, SIGINT or SIGHUP came; the signals are blocked for the process.
int csys_termination_signals(void);
/// ns of CLOCK_MONOTONIC.
uint64_t csys_monotonic_ns(void);

/// Makes the process the user's for good: identity, groups, no capability, no way to get any (no_new_privs).
/// For uid 0 all but the identity.
int csys_become_user(uid_t uid, gid_t gid);
/// Whether the process may use the capability of this number, below 64; root may lack some (capabilities(7)).
int csys_has_capability(int number);

int csys_pidfd_open(pid_t pid);
int csys_pidfd_send_signal(int pidfd, int signal);

/// Waits for the end of a thread (pthread_t) and frees it; -ETIMEDOUT when it still runs after so long.
int csys_join_within(unsigned long thread, unsigned milliseconds);

/// sem_clockwait for a sem_t by CLOCK_MONOTONIC: -ETIMEDOUT when nobody has posted within the time.
int csys_semaphore_wait(void *semaphore, unsigned milliseconds);

#endif
