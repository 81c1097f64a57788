// System V message queues: keys, ids, modes, sizes, and the messages in them, by their types; a process that waits for one.

#include "kind.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { MESSAGES = 4, LARGEST = 3000 };

struct message {
    long type;
    uint8_t bytes[LARGEST];
};

static key_t key;
static int queue, asked, answered, removed_id;
static uint64_t round_number;

static size_t size_of(int number) { return number == 2 ? 0 : mix(20 + (uint64_t)number) % LARGEST; }
static long type_of(int number) { return 1 + (long)(mix(30 + (uint64_t)number) & 0xffffff) * 10 + number; }

static void make(void)
{
    key = (key_t)(mix(1) & 0x7fffffff) | 1;
    removed_id = must(msgget(key + 1, IPC_CREAT | IPC_EXCL | 0600));
    queue = must(msgget(key, IPC_CREAT | IPC_EXCL | 0640));
    must(msgctl(removed_id, IPC_RMID, NULL));
    asked = must(msgget(IPC_PRIVATE, 0600));
    answered = must(msgget(IPC_PRIVATE, 0600));
    if (must(fork()) == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        struct {
            long type;
            uint64_t number;
        } message;
        for (;;) {
            if (msgrcv(asked, &message, sizeof message.number, 0, 0) != sizeof message.number)
                continue;
            message.number ^= mix(50);
            must(msgsnd(answered, &message, sizeof message.number, 0));
        }
    }
}

static void fill(void)
{
    round_number++;
    for (int number = 0; number < MESSAGES; number++) {
        static struct message message;
        message.type = type_of(number);
        fill_bytes(message.bytes, size_of(number), round_number * 10 + (uint64_t)number);
        must(msgsnd(queue, &message, size_of(number), 0));
    }
}

static bool comes(int number, long type)
{
    static struct message message;
    return msgrcv(queue, &message, LARGEST, type, IPC_NOWAIT) == (ssize_t)size_of(number) && message.type == type_of(number) &&
           same_bytes(message.bytes, size_of(number), round_number * 10 + (uint64_t)number);
}

static void check(void)
{
    struct msqid_ds status;
    expect(msgget(key, 0) == queue, "a key and its id");
    expect(msgget(key + 1, 0) < 0 && errno == ENOENT, "a key that is gone");
    expect(msgctl(queue, IPC_STAT, &status) == 0 && status.msg_qnum == MESSAGES && (status.msg_perm.mode & 0777) == 0640 &&
               status.msg_perm.uid == getuid(),
           "number of messages, mode and owner");
    struct msqid_ds other;
    expect(comes(3, type_of(3)), "a message by its type");
    expect(comes(0, 0) && comes(1, 0) && comes(2, 0), "the others, in their order");
    expect(msgrcv(queue, &other, 0, 0, IPC_NOWAIT) < 0 && errno == ENOMSG, "and no more");
    struct {
        long type;
        uint64_t number;
    } message = {5, round_number};
    expect(msgsnd(asked, &message, sizeof message.number, 0) == 0, "a message to a process that waits");
    ssize_t size;
    expect(soon((size = msgrcv(answered, &message, sizeof message.number, 5, IPC_NOWAIT)) > 0) &&
               message.number == (round_number ^ mix(50)),
           "its answer");
}

static void lose_message(void) { static struct message message; must(msgrcv(queue, &message, LARGEST, type_of(1), 0)); }
static void lose_key(void) { must(msgctl(queue, IPC_RMID, NULL)); must(msgget(key, IPC_CREAT | 0640)); }
static void lose_process(void) { must(msgctl(asked, IPC_RMID, NULL)); }

const struct kind kind = {
    "message_queues", make, fill, check,
    (const struct loss[]){
        {"a message", lose_message}, {"a queue and its id", lose_key},
        {"the other process", lose_process}, {0}},
};
