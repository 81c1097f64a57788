// Reads selections of the pod's programs, one after the other (ICCCM 2.4, large ones by INCR).
#include "clipboard.h"

#include <stdlib.h>
#include <string.h>

enum { REQUESTS = 8, PATIENCE_MS = 1500 };

static struct request {
    uint32_t selection;
    Atom target;
    read_done done;
    void *context;
} queue[REQUESTS];
static int queued, is_incremental;
static unsigned char *collected;
static size_t collected_bytes;
static uint64_t deadline;
// Counts the requests that were broken off. Whose owner has not noticed, and goes on writing, shall not do so where the next
// one's writes.
static unsigned broken_off;

static Atom property(const struct clipboard *clipboard) {
    return clipboard->atoms.properties[broken_off % CLIPBOARD_PROPERTIES];
}

static void begin(struct clipboard *clipboard) {
    if (queued == 0) return;
    is_incremental = 0;
    collected_bytes = 0;
    deadline = now_ms() + PATIENCE_MS;
    XConvertSelection(clipboard->display, clipboard->atoms.selections[queue[0].selection], queue[0].target,
                      property(clipboard), clipboard->window, CurrentTime);
}

static void finish(struct clipboard *clipboard, uint32_t status, const unsigned char *data, size_t bytes) {
    if (queued == 0) return;
    struct request request = queue[0];
    memmove(queue, queue + 1, (size_t)--queued * sizeof *queue);
    request.done(clipboard, request.context, status, data, bytes);
    free(collected);
    collected = NULL;
    begin(clipboard);
}

static void break_off(struct clipboard *clipboard, uint32_t status) {
    broken_off++;
    finish(clipboard, status, NULL, 0);
}

void read_selection(struct clipboard *clipboard, uint32_t selection, Atom target, read_done done, void *context) {
    if (queued == REQUESTS) {
        done(clipboard, context, DISPLAY_ANSWER_FAILED, NULL, 0);
        return;
    }
    queue[queued++] = (struct request){selection, target, done, context};
    if (queued == 1) begin(clipboard);
}

// The property, which is deleted; NULL when it is too long.
static unsigned char *take(struct clipboard *clipboard, Atom *type, size_t *bytes) {
    int format = 0;
    unsigned long items = 0, left = 0;
    unsigned char *data = NULL;
    XGetWindowProperty(clipboard->display, clipboard->window, property(clipboard), 0, DISPLAY_MAX_CLIPBOARD / 4, True,
                       AnyPropertyType, type, &format, &items, &left, &data);
    if (left != 0) {
        if (data) XFree(data);
        XDeleteProperty(clipboard->display, clipboard->window, property(clipboard));
        return NULL;
    }
    *bytes = items * (format == 32 ? sizeof(long) : (size_t)format / 8);
    return data;
}

static void notified(struct clipboard *clipboard, const XSelectionEvent *event) {
    if (queued == 0 || event->selection != clipboard->atoms.selections[queue[0].selection]) return;
    // An answer to one that was broken off comes too late.
    if (event->target != queue[0].target || is_incremental) return;
    if (event->property == None) return finish(clipboard, DISPLAY_ANSWER_FAILED, NULL, 0);
    if (event->property != property(clipboard)) return;
    Atom type = None;
    size_t bytes = 0;
    unsigned char *data = take(clipboard, &type, &bytes);
    if (!data) return break_off(clipboard, DISPLAY_ANSWER_TOO_BIG);
    if (type == clipboard->atoms.incr) {
        // At least so many bytes will come; 0 of owners that do not know.
        unsigned long least = 0;
        if (bytes >= sizeof least) memcpy(&least, data, sizeof least);
        is_incremental = 1;
        if ((uint32_t)least > DISPLAY_MAX_CLIPBOARD) break_off(clipboard, DISPLAY_ANSWER_TOO_BIG);
    } else {
        finish(clipboard, DISPLAY_ANSWER_DATA, data, bytes);
    }
    XFree(data);
}

static void came(struct clipboard *clipboard) {
    Atom type = None;
    size_t bytes = 0;
    unsigned char *data = take(clipboard, &type, &bytes);
    deadline = now_ms() + PATIENCE_MS;
    if (!data || collected_bytes + bytes > DISPLAY_MAX_CLIPBOARD) {
        if (data) XFree(data);
        return break_off(clipboard, DISPLAY_ANSWER_TOO_BIG);
    }
    if (bytes == 0) {
        XFree(data);
        return finish(clipboard, DISPLAY_ANSWER_DATA, collected, collected_bytes);
    }
    unsigned char *longer = realloc(collected, collected_bytes + bytes);
    if (longer) {
        collected = longer;
        memcpy(collected + collected_bytes, data, bytes);
        collected_bytes += bytes;
    }
    XFree(data);
    if (!longer) break_off(clipboard, DISPLAY_ANSWER_FAILED);
}

int read_handles(struct clipboard *clipboard, const XEvent *event) {
    if (event->type == SelectionNotify && event->xselection.requestor == clipboard->window) {
        notified(clipboard, &event->xselection);
        return 1;
    }
    if (event->type == PropertyNotify && event->xproperty.window == clipboard->window &&
        event->xproperty.atom == property(clipboard)) {
        if (event->xproperty.state == PropertyNewValue && is_incremental && queued) came(clipboard);
        return 1;
    }
    return 0;
}

void read_tick(struct clipboard *clipboard) {
    if (queued && now_ms() > deadline) break_off(clipboard, DISPLAY_ANSWER_FAILED);
}
