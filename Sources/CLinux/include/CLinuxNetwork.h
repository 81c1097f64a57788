// Network namespaces. Every function returns a value >= 0, or -errno.
#ifndef CLINUX_NETWORK_H
#define CLINUX_NETWORK_H

/// A unix socket, non-blocking and close-on-exec, that belongs to the network namespace open at `namespace`: a
/// socket stays in the one it was made in, and so does the other end that a listener gets of its connection. Needs
/// root.
int csys_unix_socket_in(int namespace, int type);

#endif
