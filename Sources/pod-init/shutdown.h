// The end of the pod.

#ifndef SHUTDOWN_H
#define SHUTDOWN_H

#include <stdbool.h>
#include <stdint.h>

#define SHUTDOWN_GRACE_MS 10000

/// What outlives the main program gets this long.
#define SHUTDOWN_GRACE_AFTER_MAIN_MS 2000

bool shutdown_prepare(void);

/// Asks every process of the pod to end, and kills what has not after the grace. A later call may only shorten it.
void shutdown_begin(uint32_t grace_ms);

bool shutdown_begun(void);

/// The timer is readable.
void shutdown_timer(void);

/// Whether all is over and pod-init may exit.
bool shutdown_finished(void);

/// With the main program's code, or 128 and the signal that killed it.
int shutdown_code(void);

#endif
