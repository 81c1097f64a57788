// Servers of the pod's own. Some are started when somebody first connects to their socket, as systemd's socket
// activation does it: the socket is the server's descriptor 3 (sd_listen_fds(3)). The others are started with the pod, and
// again whenever they end.

#ifndef ACTIVATION_H
#define ACTIVATION_H

#include <stdbool.h>
#include <stdint.h>

/// A line for each server: its socket, or - for one that is started with the pod; the number of its user and group; the
/// program by its full path; its arguments. Separated by blanks; what follows a # is for people.
#define ACTIVATION_FILE "/etc/mediapod/servers"

/// Listens at the sockets of the file, if there is one. What is wrong with a line costs that server only.
void activation_listen(void);

/// Starts the servers that have no socket.
void activation_start(void);

/// Somebody connects to the socket of this number.
void activation_ready(uint32_t number);

/// A program has ended, or could not be started: if it was a server, its socket is listened at again, or it is started
/// again.
void activation_ended(uint32_t program, bool failed);

#endif
