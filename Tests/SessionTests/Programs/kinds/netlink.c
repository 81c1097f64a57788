// Netlink sockets, as programs have them that watch interfaces and devices: groups, options, and answers of the kernel.
// (One with something unread in it cannot be moved: a thread reads.)

#include "kind.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int route, devices;
static uint32_t sequence;
static struct sockaddr_nl route_address;

static volatile uint32_t answered;
static volatile unsigned news;

static void *read_all_the_time(void *unused)
{
    (void)unused;
    for (;;) {
        _Alignas(struct nlmsghdr) char bytes[8192];
        ssize_t size = recv(route, bytes, sizeof bytes, 0);
        struct nlmsghdr *header = (struct nlmsghdr *)bytes;
        if (size < (ssize_t)sizeof *header)
            pause_for(5);
        else if (header->nlmsg_pid == route_address.nl_pid && header->nlmsg_type == RTM_NEWLINK)
            answered = header->nlmsg_seq;
        else
            news++;
    }
    return NULL;
}

static void make(void)
{
    route = must(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR};
    must(bind(route, (struct sockaddr *)&address, sizeof address));
    must(getsockname(route, (struct sockaddr *)&route_address, &(socklen_t){sizeof route_address}));
    devices = must(socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT));
    address = (struct sockaddr_nl){.nl_family = AF_NETLINK, .nl_groups = 2};
    must(bind(devices, (struct sockaddr *)&address, sizeof address));
    must(setsockopt(devices, SOL_SOCKET, SO_PASSCRED, &(int){1}, sizeof(int)));
    must(setsockopt(devices, SOL_SOCKET, SO_RCVBUF, &(int){100000}, sizeof(int)));
    pthread_t thread;
    must_do(pthread_create(&thread, NULL, read_all_the_time, NULL));
}

/// Asks for the loopback interface.
static bool answers(void)
{
    struct {
        struct nlmsghdr header;
        struct ifinfomsg message;
    } request = {
        .header = {.nlmsg_len = sizeof request, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = ++sequence},
        .message = {.ifi_index = 1},
    };
    return send(route, &request, sizeof request, 0) == sizeof request && soon(answered == sequence);
}

/// Whether a change of the loopback interface is told; some may not change it.
static bool tells(void)
{
    int fd = must(socket(AF_INET, SOCK_DGRAM, 0));
    struct ifreq request = {.ifr_name = "lo"};
    must(ioctl(fd, SIOCGIFFLAGS, &request));
    request.ifr_flags ^= IFF_DEBUG;
    unsigned before = news;
    bool may = ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    close(fd);
    return !may || soon(news > before);
}

static void check(void)
{
    struct sockaddr_nl address = {0};
    socklen_t size = sizeof address;
    expect(getsockname(route, (struct sockaddr *)&address, &size) == 0 && address.nl_pid == route_address.nl_pid &&
               address.nl_groups == route_address.nl_groups,
           "an address and groups");
    expect(answers(), "answers of the kernel");
    expect(tells(), "what happens to interfaces");
    size = sizeof address;
    expect(getsockname(devices, (struct sockaddr *)&address, &size) == 0 && address.nl_groups == 2, "the groups of device events");
    int value = 0;
    size = sizeof value;
    expect(getsockopt(devices, SOL_SOCKET, SO_PASSCRED, &value, &size) == 0 && value == 1, "an option");
    expect(getsockopt(devices, SOL_SOCKET, SO_RCVBUF, &value, &size) == 0 && value == 200000, "a buffer's size");
    expect(recv(devices, &value, sizeof value, 0) < 0 && errno == EAGAIN, "and nothing to read");
}

static void lose_groups(void)
{
    struct sockaddr_nl address = route_address;
    address.nl_groups = 0;
    must(bind(route, (struct sockaddr *)&address, sizeof address));
}
static void lose_socket(void) { must(dup2(devices, route)); }
static void lose_option(void) { must(setsockopt(devices, SOL_SOCKET, SO_PASSCRED, &(int){0}, sizeof(int))); }

const struct kind kind = {
    "netlink", make, NULL, check,
    (const struct loss[]){{"groups", lose_groups}, {"a socket", lose_socket}, {"an option", lose_option}, {0}},
};
