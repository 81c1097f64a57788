// A futex can be waited for by a thread only. This one does nothing else: it turns the viewers' doorbell into an eventfd
// that the server polls. It holds no lock and takes no signal, so that the server is dumped and restored as if it were
// not there: the wait is begun again in the restored process, and finds the word changed or waits.
#include "driver.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>

struct doorbell {
    struct driver *driver;
    void (*rung)(struct driver *driver);
    uint32_t *word;
    int event;
    pthread_t thread;
    uint32_t stopping; // atomic
};

static void tell_server(struct doorbell *doorbell) {
    uint64_t one = 1;
    ssize_t ignored = write(doorbell->event, &one, sizeof one);
    (void)ignored; // full: it has been told
}

static void *wait_for_viewers(void *data) {
    struct doorbell *doorbell = data;
    uint32_t seen = __atomic_load_n(doorbell->word, __ATOMIC_ACQUIRE);
    tell_server(doorbell); // for what came before
    while (!__atomic_load_n(&doorbell->stopping, __ATOMIC_ACQUIRE)) {
        int error = display_wait(doorbell->word, seen, -1);
        uint32_t now = __atomic_load_n(doorbell->word, __ATOMIC_ACQUIRE);
        if (now == seen && error != 0 && error != EINTR) break; // no futexes: the lease timer still looks
        if (now == seen) continue;
        seen = now;
        tell_server(doorbell);
    }
    return NULL;
}

static void event_came(int event, int ready, void *data) {
    (void)ready;
    struct doorbell *doorbell = data;
    uint64_t count;
    ssize_t ignored = read(event, &count, sizeof count);
    (void)ignored; // somebody else's wake-up
    doorbell->rung(doorbell->driver);
}

Bool doorbell_start(struct driver *driver, void (*rung)(struct driver *driver)) {
    struct doorbell *doorbell = calloc(1, sizeof *doorbell);
    if (!doorbell) return FALSE;
    doorbell->driver = driver;
    doorbell->rung = rung;
    doorbell->word = &driver->object->doorbell;
    doorbell->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (doorbell->event >= 0) {
        // The server's signals are the main thread's.
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        int failed = pthread_create(&doorbell->thread, NULL, wait_for_viewers, doorbell);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (!failed) {
            SetNotifyFd(doorbell->event, event_came, X_NOTIFY_READ, doorbell);
            driver->doorbell = doorbell;
            return TRUE;
        }
        close(doorbell->event);
    }
    free(doorbell);
    return FALSE;
}

void doorbell_again(struct driver *driver) { tell_server(driver->doorbell); }

void doorbell_stop(struct driver *driver) {
    struct doorbell *doorbell = driver->doorbell;
    if (!doorbell) return;
    __atomic_store_n(&doorbell->stopping, 1, __ATOMIC_RELEASE);
    display_ring(doorbell->word);
    pthread_join(doorbell->thread, NULL);
    RemoveNotifyFd(doorbell->event);
    close(doorbell->event);
    free(doorbell);
    driver->doorbell = NULL;
}
