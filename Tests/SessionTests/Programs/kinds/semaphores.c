// Semaphores: System V sets with keys, ids, modes and values, POSIX ones with and without a name; processes that wait for
// one.

#include "kind.h"

#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <unistd.h>

enum { COUNT = 5 };

static key_t key;
static int set, waited;
static sem_t *named, *shared;
static char name[64];

static int value_of(int number) { return (int)(mix(10 + (uint64_t)number) % 30000); }

static void make(void)
{
    key = (key_t)(mix(1) & 0x7fffffff) | 1;
    int gone = must(semget(key + 1, 1, IPC_CREAT | IPC_EXCL | 0600));
    set = must(semget(key, COUNT, IPC_CREAT | IPC_EXCL | 0640));
    must(semctl(gone, 0, IPC_RMID));
    for (int i = 0; i < COUNT; i++)
        must(semctl(set, i, SETVAL, value_of(i)));
    waited = must(semget(IPC_PRIVATE, 2, 0600));
    snprintf(name, sizeof name, "/kind-%llx", (unsigned long long)nonce);
    named = sem_open(name, O_CREAT | O_EXCL, 0600, 3);
    if (named == SEM_FAILED)
        give_up("sem_open", __LINE__);
    shared = must(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    must(sem_init(&shared[0], 1, 0));
    must(sem_init(&shared[1], 1, 0));
    for (int i = 0; i < 2; i++)
        if (must(fork()) == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;) {
                if (i == 0) {
                    // Waits for the first and raises the second, by so much as only it knows.
                    int error = semop(waited, &(struct sembuf){0, -1, 0}, 1);
                    if (error == 0)
                        semop(waited, &(struct sembuf){1, (short)(mix(50) % 1000 + 1), 0}, 1);
                } else if (sem_wait(&shared[0]) == 0) {
                    sem_post(&shared[1]);
                }
            }
        }
    if (!soon(semctl(waited, 0, GETNCNT) == 1))
        give_up("the other process", __LINE__);
}

static void check(void)
{
    struct semid_ds status;
    expect(semget(key, COUNT, 0) == set, "a key and its id");
    expect(semget(key + 1, 1, 0) < 0 && errno == ENOENT, "a key that is gone");
    expect(semctl(set, 0, IPC_STAT, &status) == 0 && status.sem_nsems == COUNT && (status.sem_perm.mode & 0777) == 0640 &&
               status.sem_perm.uid == getuid(),
           "size, mode and owner");
    bool same = true;
    for (int i = 0; i < COUNT; i++)
        same = same && semctl(set, i, GETVAL) == value_of(i);
    expect(same, "values");
    expect(soon(semctl(waited, 0, GETNCNT) == 1), "a process waits");
    expect(semop(waited, &(struct sembuf){0, 1, 0}, 1) == 0 &&
               soon(semctl(waited, 1, GETVAL) == (int)(mix(50) % 1000 + 1)) && semctl(waited, 1, SETVAL, 0) == 0,
           "a process that waits is woken");
    int value = 0;
    expect(sem_getvalue(named, &value) == 0 && value == 3, "a POSIX semaphore's value");
    sem_t *again = sem_open(name, 0);
    expect(again != SEM_FAILED && sem_post(again) == 0 && sem_getvalue(named, &value) == 0 && value == 4 &&
               sem_wait(named) == 0,
           "a POSIX semaphore's name");
    if (again != SEM_FAILED && again != named)
        sem_close(again);
    expect(sem_post(&shared[0]) == 0 && soon(sem_trywait(&shared[1]) == 0), "a process that waits for a POSIX semaphore");
}

static void lose_value(void) { must(semctl(set, 3, SETVAL, 30001)); }
static void lose_key(void) { must(semctl(set, 0, IPC_RMID)); must(semget(key, COUNT, IPC_CREAT | 0640)); }
static void lose_named(void) { must(sem_post(named)); }
static void lose_name(void) { must(sem_unlink(name)); }
static void lose_waiting(void) { must(semctl(waited, 0, IPC_RMID)); }
static void lose_shared(void) { must(mmap(shared, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_ANONYMOUS, -1, 0)); }

const struct kind kind = {
    "semaphores", make, NULL, check,
    (const struct loss[]){
        {"a value", lose_value}, {"a set and its id", lose_key}, {"a POSIX semaphore's value", lose_named},
        {"a POSIX semaphore's name", lose_name}, {"who waits", lose_waiting}, {"what is shared", lose_shared}, {0}},
};
