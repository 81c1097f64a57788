// The world outside of the pods of these tests.
//
//   outside serve ADDRESS PORT LOG   over TCP does what the first byte says: d sends without end, i says nothing, u reads;
//                                    writes into LOG how each connection ended: "u 1000 end", "d 0 reset". Over UDP sends
//                                    everything back.
//   outside names ADDRESS ANSWER     is a name server at which every name has the address ANSWER
//
// Says "ready" when it can be reached.

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int at(const char *address, int port, int type)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, type, 0), on = 1;
    if (fd < 0 || inet_pton(AF_INET, address, &place.sin_addr) != 1 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&place, sizeof place) < 0 || (type == SOCK_STREAM && listen(fd, 16) < 0)) {
        perror(address);
        exit(2);
    }
    return fd;
}

static void attend(int fd, int log)
{
    char buffer[65536], mode = '?';
    unsigned long long received = 0;
    memset(buffer, 'x', sizeof buffer);
    for (;;) {
        struct pollfd entry = {.fd = fd, .events = POLLIN};
        if (poll(&entry, 1, mode == 'd' ? 5 : -1) > 0) {
            char got[65536];
            ssize_t count = recv(fd, got, sizeof got, 0);
            if (count > 0 && mode == '?')
                mode = got[0];
            received += count > 0 ? (unsigned long long)count : 0;
            if (count <= 0) {
                char line[96];
                int size = snprintf(line, sizeof line, "%c %llu %s\n", mode, received,
                                    count == 0 ? "end" : errno == ECONNRESET ? "reset" : strerror(errno));
                _exit(write(log, line, (size_t)size) != size);
            }
        }
        if (mode == 'd')
            send(fd, buffer, 1000, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

static void serve(const char *address, int port, const char *path)
{
    int tcp = at(address, port, SOCK_STREAM), udp = at(address, port, SOCK_DGRAM);
    int log = open(path, O_CREAT | O_APPEND | O_WRONLY, 0644);
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct pollfd entries[2] = {{.fd = tcp, .events = POLLIN}, {.fd = udp, .events = POLLIN}};
        if (poll(entries, 2, -1) < 0)
            abort();
        if (entries[0].revents) {
            int fd = accept(tcp, NULL, NULL);
            if (fork() == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                attend(fd, log);
            }
            close(fd);
        }
        if (entries[1].revents) {
            char datagram[2048];
            struct sockaddr_in from;
            socklen_t size = sizeof from;
            ssize_t count = recvfrom(udp, datagram, sizeof datagram, 0, (struct sockaddr *)&from, &size);
            if (count > 0)
                sendto(udp, datagram, (size_t)count, 0, (struct sockaddr *)&from, size);
        }
    }
}

// RFC 1035, 4: the question again, and for type A one answer that points to its name.
static void names(const char *address, const char *answer)
{
    struct in_addr value;
    int udp = at(address, 53, SOCK_DGRAM);
    if (inet_pton(AF_INET, answer, &value) != 1)
        exit(64);
    puts("ready");
    fflush(stdout);
    for (;;) {
        uint8_t message[600];
        struct sockaddr_in from;
        socklen_t size = sizeof from;
        ssize_t count = recvfrom(udp, message, 500, 0, (struct sockaddr *)&from, &size);
        size_t end = 12;
        while (end < 480 && count > 17 && message[end] != 0)
            end += message[end] + 1u;
        if (count < 17 || end + 5 > (size_t)count)
            continue;
        int is_address = message[end + 2] == 1;
        message[2] = 0x81, message[3] = 0x80;
        message[6] = 0, message[7] = (uint8_t)is_address;
        memset(message + 8, 0, 4);
        end += 5;
        if (is_address) {
            const uint8_t record[12] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4};
            memcpy(message + end, record, sizeof record);
            memcpy(message + end + sizeof record, &value, 4);
            end += sizeof record + 4;
        }
        sendto(udp, message, end, 0, (struct sockaddr *)&from, size);
    }
}

int main(int count, char **arguments)
{
    signal(SIGCHLD, SIG_IGN);
    if (count == 5 && strcmp(arguments[1], "serve") == 0)
        serve(arguments[2], atoi(arguments[3]), arguments[4]);
    if (count == 4 && strcmp(arguments[1], "names") == 0)
        names(arguments[2], arguments[3]);
    return 64;
}
