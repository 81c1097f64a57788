// POSIX message queues of another IPC namespace. Every function returns a value >= 0, or -errno, and needs root.
#ifndef CLINUX_QUEUES_H
#define CLINUX_QUEUES_H

#include <stddef.h>
#include <stdint.h>

/// Of a queue: what it was made with, who owns it, how full it is.
struct csys_queue {
    /// Messages, and bytes of one.
    int64_t most, largest;
    int64_t count;
    uint32_t mode, uid, gid;
};

/// Where a message is that was taken out of its queue.
enum csys_message_state {
    CSYS_MESSAGE_NONE = 0,
    /// Perhaps here, perhaps still in its queue: whoever was taking it was killed.
    CSYS_MESSAGE_ON_ITS_WAY = 1,
    CSYS_MESSAGE_HERE = 2,
    CSYS_MESSAGE_GIVEN_BACK = 3,
};

/// A message, its bytes behind it. Lies in memory that is shared with a file, and is true whenever its writer is killed.
struct csys_message {
    uint32_t state, priority;
    uint64_t length;
    /// Bytes and messages that were in the queue before it was taken.
    uint64_t bytes_before;
    int64_t count_before;
    uint8_t bytes[];
};

/// 1 for a folder of the file system that shows queues as files (mq_overview(7)).
int csys_is_queue_folder(int folder);

/// `name` without a slash, in the IPC namespace open at `ipc`.
int csys_queue_look(int ipc, const char *name, struct csys_queue *queue);

/// Takes all messages, in the order in which they would be received, to `slots`, `stride` bytes apart (a multiple of 8, at
/// least a csys_message and the largest message), at most `capacity`; gives their number. Nobody else receives or sends
/// meanwhile.
int csys_queue_take(int ipc, const char *name, void *slots, size_t stride, size_t capacity);

/// Sends what is in `slots` and not given back yet.
int csys_queue_give(int ipc, const char *name, void *slots, size_t stride, size_t capacity);

/// Makes a queue that is not there, as `queue` says but for its messages. Whatever limits the host's user has.
int csys_queue_make(int ipc, const char *name, const struct csys_queue *queue);

/// Sends one message.
int csys_queue_send(int ipc, const char *name, const void *bytes, size_t length, uint32_t priority);

#endif
