// Servers of the pod's own that are started when somebody first connects to their socket, as systemd's socket
// activation does it: the socket is the server's descriptor 3 (sd_listen_fds(3)).

#ifndef ACTIVATION_H
#define ACTIVATION_H

#include <stdbool.h>
#include <stdint.h>

/// A line for each server: its socket, the number of its user and group, the program by its full path, its arguments.
/// Separated by blanks; what follows a # is for people.
#define ACTIVATION_FILE "/etc/mediapod/sockets"

/// Listens at the sockets of the file, if there is one. What is wrong with a line costs that server only.
void activation_listen(void);

/// Somebody connects to the socket of this number.
void activation_ready(uint32_t number);

/// A program has ended, or could not be started: if it was a server, its socket is listened at again.
void activation_ended(uint32_t program, bool failed);

#endif
