#include "CLinuxFaults.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>

// Read by the signal handler: `bytes` is stored last, and taken away first.
static struct guarded {
    uintptr_t start;
    size_t bytes;
    int cut;
} mappings[CSYS_GUARDED_MAX];

static pthread_mutex_t changes = PTHREAD_MUTEX_INITIALIZER;
static int is_handled;

static void end_as_ever(void) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigaction(SIGBUS, &standard, NULL); // the access is made again, and ends the process
}

static void handle(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)context;
    int before = errno;
    uintptr_t address = (uintptr_t)info->si_addr;
    for (int n = 0; n < CSYS_GUARDED_MAX; n++) {
        struct guarded *mapping = &mappings[n];
        size_t bytes = __atomic_load_n(&mapping->bytes, __ATOMIC_ACQUIRE);
        if (bytes == 0 || address < mapping->start || address - mapping->start >= bytes) continue;
        // All of it at once: page by page the kernel's limit of mappings would be the next thing to run into.
        void *memory = mmap((void *)mapping->start, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
        if (memory == MAP_FAILED) break;
        __atomic_store_n(&mapping->cut, 1, __ATOMIC_RELEASE);
        errno = before;
        return;
    }
    end_as_ever();
}

int csys_map_guarded(int fd, size_t bytes, void **memory) {
    void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (start == MAP_FAILED) return -errno;
    int number = -ENOSPC;
    pthread_mutex_lock(&changes);
    if (!is_handled) {
        struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_RESTART};
        sigaction(SIGBUS, &action, NULL);
        is_handled = 1;
    }
    for (int n = 0; n < CSYS_GUARDED_MAX && number < 0; n++) {
        if (mappings[n].bytes != 0) continue;
        mappings[n].start = (uintptr_t)start;
        mappings[n].cut = 0;
        __atomic_store_n(&mappings[n].bytes, bytes, __ATOMIC_RELEASE);
        number = n;
    }
    pthread_mutex_unlock(&changes);
    if (number < 0) munmap(start, bytes);
    else *memory = start;
    return number;
}

int csys_guarded_was_cut(int number) { return __atomic_load_n(&mappings[number].cut, __ATOMIC_ACQUIRE); }

void csys_unmap_guarded(int number) {
    pthread_mutex_lock(&changes);
    uintptr_t start = mappings[number].start;
    size_t bytes = mappings[number].bytes;
    __atomic_store_n(&mappings[number].bytes, 0, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&changes);
    munmap((void *)start, bytes);
}
