// POSIX message queues: names, attributes, modes, the messages in them with their priorities; descriptors of a queue,
// also of one whose name is gone; a process that waits for a message.

#include "kind.h"

#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MESSAGES = 5, LARGEST = 600 };

static char name[64], other_name[64], asked_name[64];
static mqd_t queue, reader, asked, answered;
static uint64_t round_number;

static size_t size_of(int number) { return number == 2 ? 0 : mix(20 + (uint64_t)number) % LARGEST; }
/// Two have the same, so their order counts.
static unsigned priority_of(int number) { return number == 4 ? 1 : (unsigned)number; }

static mqd_t make_queue(char *place, const char *what, int flags, long most, long largest)
{
    snprintf(place, 64, "/kind-%s-%llx", what, (unsigned long long)nonce);
    struct mq_attr attributes = {.mq_maxmsg = most, .mq_msgsize = largest};
    return must(mq_open(place, O_CREAT | O_EXCL | O_RDWR | flags, 0640, &attributes));
}

static void make(void)
{
    queue = make_queue(name, "full", O_NONBLOCK | O_CLOEXEC, MESSAGES, LARGEST);
    reader = must(mq_open(name, O_RDONLY));
    asked = make_queue(asked_name, "asked", 0, 3, 8);
    answered = make_queue(other_name, "answered", 0, 3, 8);
    if (must(fork()) == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        uint64_t number;
        for (;;) {
            if (mq_receive(asked, (char *)&number, sizeof number, NULL) != sizeof number)
                continue;
            number ^= mix(50);
            must(mq_send(answered, (char *)&number, sizeof number, 0));
        }
    }
}

static void fill(void)
{
    round_number++;
    for (int number = 0; number < MESSAGES; number++) {
        char bytes[LARGEST];
        fill_bytes(bytes, size_of(number), round_number * 10 + (uint64_t)number);
        must(mq_send(queue, bytes, size_of(number), priority_of(number)));
    }
}

static bool comes(int number)
{
    char bytes[LARGEST];
    unsigned priority = 99;
    return mq_timedreceive(reader, bytes, LARGEST, &priority, &(struct timespec){0}) == (ssize_t)size_of(number) && priority == priority_of(number) &&
           same_bytes(bytes, size_of(number), round_number * 10 + (uint64_t)number);
}

static void check(void)
{
    struct mq_attr attributes;
    struct stat status;
    expect(mq_getattr(queue, &attributes) == 0 && attributes.mq_maxmsg == MESSAGES && attributes.mq_msgsize == LARGEST &&
               attributes.mq_curmsgs == MESSAGES,
           "attributes");
    expect(attributes.mq_flags == O_NONBLOCK && fcntl(queue, F_GETFD) == FD_CLOEXEC, "flags");
    expect(fstat(queue, &status) == 0 && (status.st_mode & 0777) == 0640 && status.st_uid == getuid(), "mode and owner");
    expect(mq_timedsend(queue, "x", 1, 0, &(struct timespec){0}) < 0 && errno == EAGAIN, "a full queue is full");
    mqd_t again = mq_open(name, O_RDONLY);
    expect(again >= 0 && fstat(again, &status) == 0 && mq_getattr(again, &attributes) == 0 &&
               attributes.mq_curmsgs == MESSAGES && mq_close(again) == 0,
           "a name");
    expect(comes(3), "the message of the highest priority");
    expect(comes(2) && comes(1) && comes(4) && comes(0), "the others, in their order");
    expect(mq_getattr(reader, &attributes) == 0 && attributes.mq_curmsgs == 0 && attributes.mq_flags == 0, "and no more");
    char byte[LARGEST];
    expect(mq_timedreceive(queue, byte, LARGEST, NULL, &(struct timespec){0}) < 0 && errno == EAGAIN, "an empty queue is empty");
    uint64_t number = round_number;
    struct timespec end;
    expect(mq_send(asked, (char *)&number, sizeof number, 0) == 0, "a message to a process that waits");
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 5;
    expect(mq_timedreceive(answered, (char *)&number, sizeof number, NULL, &end) == sizeof number &&
               number == (round_number ^ mix(50)),
           "its answer");
}

static void lose_message(void) { char bytes[LARGEST]; must(mq_receive(reader, bytes, LARGEST, NULL)); }
static void lose_name(void) { must(mq_unlink(name)); }
static void lose_flags(void) { must(mq_setattr(queue, &(struct mq_attr){0}, NULL)); }
static void lose_process(void) { must(dup2(answered, asked)); }

const struct kind kind = {
    "posix_queues", make, fill, check,
    (const struct loss[]){
        {"a message", lose_message}, {"a name", lose_name}, {"flags", lose_flags}, {"the other process", lose_process}, {0}},
};
