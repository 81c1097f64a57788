// System V shared memory: keys, ids, modes, where it is attached and how; segments that nobody has attached, and removed ones.

#include "kind.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <unistd.h>

enum { SIZE = 3 * 4096 + 17 };

static key_t key;
static int attached, unattached, removed, private_one;
static uint8_t *bytes, *read_only, *removed_bytes;
static volatile uint64_t *shared;
static struct shmid_ds before;

static void make(void)
{
    key = (key_t)(mix(1) & 0x7fffffff) | 1;
    // Ids with a gap.
    int gone = must(shmget(key + 2, 4096, IPC_CREAT | IPC_EXCL | 0600));
    attached = must(shmget(key, SIZE, IPC_CREAT | IPC_EXCL | 0640));
    must(shmctl(gone, IPC_RMID, NULL));
    bytes = must(shmat(attached, NULL, 0));
    read_only = must(shmat(attached, NULL, SHM_RDONLY));
    unattached = must(shmget(key + 1, SIZE, IPC_CREAT | IPC_EXCL | 0600));
    uint8_t *for_a_moment = must(shmat(unattached, NULL, 0));
    fill_bytes(for_a_moment, SIZE, 5);
    must(shmdt(for_a_moment));
    removed = must(shmget(IPC_PRIVATE, SIZE, 0600));
    removed_bytes = must(shmat(removed, NULL, 0));
    fill_bytes(removed_bytes, SIZE, 6);
    must(shmctl(removed, IPC_RMID, NULL));
    private_one = must(shmget(IPC_PRIVATE, 4096, 0600));
    shared = must(shmat(private_one, NULL, 0));
    if (must(fork()) == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        volatile uint64_t *own = must(shmat(private_one, NULL, 0));
        for (;;) {
            own[1] = own[0] ^ mix(50);
            pause_for(5);
        }
    }
    // The child's.
    struct shmid_ds status;
    if (!soon(shmctl(private_one, IPC_STAT, &status) == 0 && status.shm_nattch == 3))
        give_up("the other process", __LINE__);
    must(shmctl(attached, IPC_STAT, &before));
}

static uint64_t round_number;

static void fill(void)
{
    round_number++;
    fill_bytes(bytes, SIZE, 10 + round_number);
}

static void check(void)
{
    struct shmid_ds status;
    expect(shmget(key, SIZE, 0) == attached, "a key and its id");
    expect(shmget(key + 1, SIZE, 0) == unattached, "the key and id of what is not attached");
    expect(shmget(key + 2, 4096, 0) < 0 && errno == ENOENT, "a key that is gone");
    expect(shmctl(attached, IPC_STAT, &status) == 0 && status.shm_segsz == SIZE && (status.shm_perm.mode & 0777) == 0640 &&
               status.shm_perm.uid == before.shm_perm.uid && status.shm_perm.gid == before.shm_perm.gid &&
               status.shm_nattch == before.shm_nattch,
           "size, mode, owner and users");
    expect(same_bytes(bytes, SIZE, 10 + round_number), "contents");
    bytes[7] ^= 1;
    expect(read_only[7] == bytes[7], "a second place where it is attached");
    uint8_t *other = shmat(unattached, NULL, 0);
    expect(other != (void *)-1 && same_bytes(other, SIZE, 5) && shmdt(other) == 0, "contents of what is not attached");
    expect(same_bytes(removed_bytes, SIZE, 6), "contents of what is removed");
    shared[0] = mix(200 + round_number);
    expect(soon(shared[1] == (mix(200 + round_number) ^ mix(50))), "another process has it attached");
}

static void lose_contents(void) { bytes[9] ^= 1; }
static void lose_key(void)
{
    must(shmctl(unattached, IPC_RMID, NULL));
    must(shmget(key + 1, SIZE, IPC_CREAT | IPC_EXCL | 0600));
}
static void lose_mode(void)
{
    struct shmid_ds other = before;
    other.shm_perm.mode = 0600;
    must(shmctl(attached, IPC_SET, &other));
}
static void lose_sharing(void) { must(shmdt((void *)shared)); shared = calloc(2, sizeof *shared); }
static void lose_removed(void) { removed_bytes[1] ^= 1; }

const struct kind kind = {
    "shm", make, fill, check,
    (const struct loss[]){
        {"contents", lose_contents}, {"an id", lose_key}, {"a mode", lose_mode}, {"the other process", lose_sharing},
        {"a removed segment's contents", lose_removed}, {0}},
};
