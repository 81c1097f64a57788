// Network namespaces. Every function returns a value >= 0, or -errno.
#ifndef CLINUX_NETWORK_H
#define CLINUX_NETWORK_H

#include <stdint.h>
#include <sys/types.h>

/// A unix socket, non-blocking and close-on-exec, that belongs to the network namespace open at `namespace`: a
/// socket stays in the one it was made in, and so does the other end that a listener gets of its connection. Needs
/// root.
int csys_unix_socket_in(int namespace, int type);

/// An Ethernet interface whose other end is a program's (a TAP), with one IPv4 address and a way out. Addresses are in
/// network byte order.
struct csys_interface {
    const char *name;
    uint8_t hardware_address[6];
    uint32_t address, mask, gateway;
    /// Bytes.
    int mtu;
};

/// In the network namespace of `pid`: brings the loopback up, and allows what programs expect of a machine of their own,
/// low ports and ping for all. With an `interface` (may be NULL) also makes that, or makes it anew as it should be; it
/// stays as long as the namespace does, whether a program holds its other end or not. Needs root.
int csys_prepare_network(pid_t pid, const struct csys_interface *interface);

/// A copy of the descriptor `number` of the process that `pidfd` is open on. pidfd_getfd(2).
int csys_pidfd_getfd(int pidfd, int number);

/// 1 for a TCP socket with something at its other end, or a connection that is being made or ended; 0 for another TCP
/// socket; -EPROTOTYPE for what is none.
int csys_tcp_is_open(int socket);
/// Makes the last close(2) of the socket a reset: what it still has to send is dropped, and its peer told so.
int csys_reset_when_closed(int socket);

/// Takes news off the queue of a netlink socket: messages that the kernel sent to a group, up to the first that it sent to
/// this socket alone. Gives their number; never waits.
int csys_drop_netlink_news(int socket);

#endif
