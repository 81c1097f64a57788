#include "CLinuxQueues.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

// Only the calling thread moves into the namespace, and it is back before anybody can run something else on it.
static int enter(int ipc) {
    int own = open("/proc/thread-self/ns/ipc", O_RDONLY | O_CLOEXEC);
    if (own < 0) return -errno;
    if (setns(ipc, CLONE_NEWIPC) == 0) return own;
    int error = -errno;
    close(own);
    return error;
}

static void leave(int own) {
    // Whatever this thread did next would happen among a pod's queues.
    if (setns(own, CLONE_NEWIPC) < 0) abort();
    close(own);
}

int csys_is_queue_folder(int folder) {
    enum { MQUEUE_MAGIC = 0x19800202 };
    struct statfs status;
    return fstatfs(folder, &status) < 0 ? -errno : status.f_type == MQUEUE_MAGIC;
}

static mqd_t open_queue(const char *name, int flags) {
    char path[260];
    snprintf(path, sizeof path, "/%s", name);
    return mq_open(path, flags | O_NONBLOCK | O_CLOEXEC);
}

static int look(mqd_t queue, struct csys_queue *found) {
    struct mq_attr attributes;
    struct stat status;
    if (mq_getattr(queue, &attributes) < 0 || fstat(queue, &status) < 0) return -errno;
    *found = (struct csys_queue){
        .most = attributes.mq_maxmsg,
        .largest = attributes.mq_msgsize,
        .count = attributes.mq_curmsgs,
        .mode = status.st_mode & 07777,
        .uid = status.st_uid,
        .gid = status.st_gid,
    };
    return 0;
}

// Opens it and stays in the namespace until `end`; -errno, and nothing to end.
static int begin(int ipc, const char *name, int flags, mqd_t *queue) {
    int own = enter(ipc);
    if (own < 0) return own;
    *queue = open_queue(name, flags);
    if (*queue >= 0) return own;
    int error = -errno;
    leave(own);
    return error;
}

static int end(int own, mqd_t queue, int result) {
    close(queue);
    leave(own);
    return result;
}

int csys_queue_look(int ipc, const char *name, struct csys_queue *found) {
    mqd_t queue;
    int own = begin(ipc, name, O_RDONLY, &queue);
    return own < 0 ? own : end(own, queue, look(queue, found));
}

// "QSIZE:129        NOTIFY:0 …": the bytes of all messages.
static uint64_t bytes_in(mqd_t queue) {
    char text[128] = "";
    ssize_t size = pread(queue, text, sizeof text - 1, 0);
    unsigned long bytes = 0;
    if (size > 0) sscanf(text, "QSIZE:%lu", &bytes);
    return bytes;
}

static const struct timespec at_once = {0};

static int take(mqd_t queue, char *slots, size_t stride, size_t capacity) {
    struct csys_queue before;
    size_t room = stride - sizeof(struct csys_message);
    for (size_t taken = 0;; taken++) {
        int result = look(queue, &before);
        if (result < 0) return result;
        if (before.count == 0) return (int)taken;
        if (taken == capacity || (uint64_t)before.largest > room) return -EMSGSIZE;
        struct csys_message *slot = (struct csys_message *)(slots + taken * stride);
        slot->bytes_before = bytes_in(queue);
        slot->count_before = before.count;
        __atomic_store_n(&slot->state, CSYS_MESSAGE_ON_ITS_WAY, __ATOMIC_RELEASE);
        ssize_t length = mq_timedreceive(queue, (char *)slot->bytes, room, &slot->priority, &at_once);
        if (length < 0) {
            slot->state = CSYS_MESSAGE_NONE;
            return -errno;
        }
        slot->length = (uint64_t)length;
        __atomic_store_n(&slot->state, CSYS_MESSAGE_HERE, __ATOMIC_RELEASE);
    }
}

int csys_queue_take(int ipc, const char *name, void *slots, size_t stride, size_t capacity) {
    if (stride < sizeof(struct csys_message)) return -EINVAL;
    mqd_t queue;
    // Reading what is in it needs no more than that.
    int own = begin(ipc, name, O_RDONLY, &queue);
    return own < 0 ? own : end(own, queue, take(queue, slots, stride, capacity));
}

// Whether a message that was on its way when its taker was killed is here: then it is no longer in the queue.
static void settle(mqd_t queue, struct csys_message *slot, size_t room) {
    struct csys_queue now;
    if (slot->state != CSYS_MESSAGE_ON_ITS_WAY || look(queue, &now) < 0) return;
    uint64_t bytes = bytes_in(queue);
    int is_here = now.count < slot->count_before && bytes <= slot->bytes_before && slot->bytes_before - bytes <= room;
    slot->length = is_here ? slot->bytes_before - bytes : 0;
    slot->state = is_here ? CSYS_MESSAGE_HERE : CSYS_MESSAGE_NONE;
}

static int give(mqd_t queue, char *slots, size_t stride, size_t capacity) {
    size_t room = stride - sizeof(struct csys_message);
    for (size_t i = 0; i < capacity; i++) settle(queue, (struct csys_message *)(slots + i * stride), room);
    for (size_t i = 0; i < capacity; i++) {
        struct csys_message *slot = (struct csys_message *)(slots + i * stride);
        if (slot->state != CSYS_MESSAGE_HERE || slot->length > room) continue;
        if (mq_timedsend(queue, (const char *)slot->bytes, slot->length, slot->priority, &at_once) < 0) return -errno;
        slot->state = CSYS_MESSAGE_GIVEN_BACK;
    }
    return 0;
}

int csys_queue_give(int ipc, const char *name, void *slots, size_t stride, size_t capacity) {
    if (stride < sizeof(struct csys_message)) return -EINVAL;
    mqd_t queue;
    int own = begin(ipc, name, O_RDWR, &queue);
    return own < 0 ? own : end(own, queue, give(queue, slots, stride, capacity));
}

static int make(const char *name, const struct csys_queue *wanted) {
    // The user's own limit, of all of his queues on this host, is not the pod's.
    struct rlimit limit, none = {RLIM_INFINITY, RLIM_INFINITY};
    getrlimit(RLIMIT_MSGQUEUE, &limit);
    setrlimit(RLIMIT_MSGQUEUE, &none);
    // A file belongs to who makes it, and root of the host is nobody in a pod. Of this thread only.
    syscall(SYS_setfsgid, wanted->gid);
    syscall(SYS_setfsuid, wanted->uid);
    char path[260];
    snprintf(path, sizeof path, "/%s", name);
    struct mq_attr attributes = {.mq_maxmsg = wanted->most, .mq_msgsize = wanted->largest};
    mqd_t queue = mq_open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes);
    // Whatever the mask of this process is.
    int result = queue < 0 || fchmod(queue, wanted->mode) < 0 ? -errno : 0;
    if (queue >= 0) close(queue);
    syscall(SYS_setfsuid, geteuid());
    syscall(SYS_setfsgid, getegid());
    setrlimit(RLIMIT_MSGQUEUE, &limit);
    return result;
}

int csys_queue_make(int ipc, const char *name, const struct csys_queue *queue) {
    int own = enter(ipc);
    if (own < 0) return own;
    int result = make(name, queue);
    leave(own);
    return result;
}

int csys_queue_send(int ipc, const char *name, const void *bytes, size_t length, uint32_t priority) {
    mqd_t queue;
    int own = begin(ipc, name, O_WRONLY, &queue);
    if (own < 0) return own;
    return end(own, queue, mq_timedsend(queue, bytes, length, priority, &at_once) < 0 ? -errno : 0);
}
