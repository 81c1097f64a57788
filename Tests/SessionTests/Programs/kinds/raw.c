// Raw sockets: of a protocol, and of an interface's packets.

#include "kind.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int icmp, packets;

static void make(void)
{
    icmp = must(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    packets = must(socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, htons(ETH_P_IP)));
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = (int)must((int)if_nametoindex("lo"))};
    must(bind(packets, (struct sockaddr *)&address, sizeof address));
}

/// Sends itself a ping, and drops all that is not its answer.
static bool pings(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct icmphdr request = {.type = ICMP_ECHO, .un.echo = {.id = (uint16_t)mix(1), .sequence = (uint16_t)mix(2)}};
    uint16_t words[4];
    memcpy(words, &request, sizeof words);
    uint32_t sum = 0;
    for (int i = 0; i < 4; i++)
        sum += words[i];
    request.checksum = (uint16_t)~(sum + (sum >> 16));
    if (sendto(icmp, &request, sizeof request, 0, (struct sockaddr *)&to, sizeof to) != sizeof request)
        return false;
    for (;;) {
        uint8_t bytes[2000];
        if (!readable(icmp, 5000))
            return false;
        ssize_t size = recv(icmp, bytes, sizeof bytes, 0);
        struct icmphdr answer;
        if (size < 20 + (ssize_t)sizeof answer)
            continue;
        memcpy(&answer, bytes + 20, sizeof answer);
        if (answer.type == ICMP_ECHOREPLY && answer.un.echo.id == request.un.echo.id)
            return answer.un.echo.sequence == request.un.echo.sequence;
    }
}

static void check(void)
{
    uint8_t bytes[2000];
    while (recv(packets, bytes, sizeof bytes, 0) > 0) {}
    expect(pings(), "a protocol's socket");
    expect(readable(packets, 5000) && recv(packets, bytes, sizeof bytes, 0) > 20, "an interface's packets");
    struct sockaddr_ll address = {0};
    socklen_t size = sizeof address;
    expect(getsockname(packets, (struct sockaddr *)&address, &size) == 0 && address.sll_ifindex == (int)if_nametoindex("lo") &&
               address.sll_protocol == htons(ETH_P_IP),
           "and its address");
}

static void lose_protocol(void) { must(dup2(packets, icmp)); }
static void lose_packets(void) { must(dup2(must(socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, 0)), packets)); }

const struct kind kind = {
    "raw", make, NULL, check,
    (const struct loss[]){{"a protocol's socket", lose_protocol}, {"an interface's packets", lose_packets}, {0}},
};
