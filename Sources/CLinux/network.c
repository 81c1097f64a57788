#include "CLinuxNetwork.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int checked(long result) {
    return result < 0 ? -errno : (int)result;
}

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

// Kernels without one of these settings do without it.
static void put_setting(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t count = write(fd, text, strlen(text));
    (void)count;
    close(fd);
}

static struct ifreq request_for(const char *name) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    return request;
}

static int bring_up(int socket_fd, const char *name) {
    struct ifreq request = request_for(name);
    if (ioctl(socket_fd, SIOCGIFFLAGS, &request) < 0) return -errno;
    request.ifr_flags |= IFF_UP;
    return checked(ioctl(socket_fd, SIOCSIFFLAGS, &request));
}

// Without a program at its other end the device stays, so that addresses, routes and what is bound to them do.
static int make_tap(const char *name) {
    // Opened in the namespace that the device is to be in.
    int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (tun < 0) return -errno;
    struct ifreq request = request_for(name);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    int result = checked(ioctl(tun, TUNSETIFF, &request));
    if (result >= 0) result = checked(ioctl(tun, TUNSETPERSIST, 1));
    close(tun);
    return result;
}

static struct sockaddr as_address(uint32_t address) {
    struct sockaddr_in inet = {.sin_family = AF_INET, .sin_addr.s_addr = address};
    struct sockaddr result;
    memcpy(&result, &inet, sizeof result);
    return result;
}

static int configure(int socket_fd, const struct csys_interface *interface) {
    struct ifreq request = request_for(interface->name);
    request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    memcpy(request.ifr_hwaddr.sa_data, interface->hardware_address, sizeof interface->hardware_address);
    if (ioctl(socket_fd, SIOCSIFHWADDR, &request) < 0) return -errno;
    request.ifr_mtu = interface->mtu;
    if (ioctl(socket_fd, SIOCSIFMTU, &request) < 0) return -errno;
    request.ifr_addr = as_address(interface->address);
    if (ioctl(socket_fd, SIOCSIFADDR, &request) < 0) return -errno;
    request.ifr_netmask = as_address(interface->mask);
    if (ioctl(socket_fd, SIOCSIFNETMASK, &request) < 0) return -errno;
    int result = bring_up(socket_fd, interface->name);
    if (result < 0) return result;
    struct rtentry route = {
        .rt_dst = as_address(INADDR_ANY),
        .rt_genmask = as_address(INADDR_ANY),
        .rt_gateway = as_address(interface->gateway),
        .rt_flags = RTF_UP | RTF_GATEWAY,
        .rt_dev = (char *)interface->name,
    };
    return ioctl(socket_fd, SIOCADDRT, &route) < 0 && errno != EEXIST ? -errno : 0;
}

static int prepare(const struct csys_interface *interface) {
    // /proc/sys/net shows the namespace of the thread that reads it.
    put_setting("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0\n");
    put_setting("/proc/sys/net/ipv4/ping_group_range", "0 2147483647\n");
    int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket_fd < 0) return -errno;
    int result = bring_up(socket_fd, "lo");
    if (result >= 0 && interface != NULL) {
        result = make_tap(interface->name);
        // There is nothing at the other end that speaks it.
        char path[80];
        snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/disable_ipv6", interface->name);
        put_setting(path, "1\n");
        if (result >= 0) result = configure(socket_fd, interface);
    }
    close(socket_fd);
    return result;
}

int csys_prepare_network(pid_t pid, const struct csys_interface *interface) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (own < 0) return -errno;
    int namespace = open(path, O_RDONLY | O_CLOEXEC);
    int result = namespace < 0 || setns(namespace, CLONE_NEWNET) < 0 ? -errno : 0;
    if (namespace >= 0) close(namespace);
    if (result == 0) {
        result = prepare(interface);
        // Whatever this thread did next would happen in the pod's network.
        if (setns(own, CLONE_NEWNET) < 0) abort();
    }
    close(own);
    return result;
}

int csys_pidfd_getfd(int pidfd, int number) {
    return checked(syscall(SYS_pidfd_getfd, pidfd, number, 0));
}

int csys_tcp_is_open(int socket) {
    int protocol = 0;
    socklen_t size = sizeof protocol;
    if (getsockopt(socket, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0 || protocol != IPPROTO_TCP)
        return -EPROTOTYPE;
    struct tcp_info info;
    size = sizeof info;
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) < 0) return -EPROTOTYPE;
    return info.tcpi_state != TCP_CLOSE && info.tcpi_state != TCP_LISTEN && info.tcpi_state != TCP_TIME_WAIT;
}

int csys_reset_when_closed(int socket) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    return checked(setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now));
}

int csys_drop_netlink_news(int socket) {
    int dropped = 0;
    for (;;) {
        struct sockaddr_nl sender;
        socklen_t size = sizeof sender;
        char byte;
        ssize_t count = recvfrom(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT, (struct sockaddr *)&sender, &size);
        // ENOBUFS: there was too much for the socket, once; what did fit comes behind it.
        if (count < 0 && (errno == EINTR || errno == ENOBUFS)) continue;
        if (count < 0 && errno != EAGAIN) return -errno;
        if (count < 0 || size < sizeof sender || sender.nl_family != AF_NETLINK || sender.nl_groups == 0) return dropped;
        // Takes the whole message.
        if (recv(socket, &byte, 1, MSG_DONTWAIT) >= 0) dropped++;
    }
}
