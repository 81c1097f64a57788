#include "clipboard.h"

#include <X11/Xatom.h>
#include <X11/extensions/Xfixes.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

/// How long an answer may lie in our area while its viewer does not take it, ms.
enum { ANSWER_MS = 2000, TICK_MS = 250 };

uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

void say(struct clipboard *clipboard) {
    struct display_object *object = clipboard->object;
    display_record_write(&object->clipboard_sequence, &object->clipboard, &clipboard->said, sizeof clipboard->said);
    display_ring(&object->server.published);
}

// ---------------------------------------------------------------------------------------------- viewers' records

static struct {
    struct display_clipboard last;
    uint32_t owner;
} viewers[DISPLAY_VIEWERS];

/// The wish that is being answered: one at a time, because there is one area for the data.
static struct {
    int busy, is_answered;
    uint32_t viewer, owner, number;
    uint64_t since;
} wish;

static int read_viewer(struct clipboard *clipboard, uint32_t n, struct display_clipboard *record) {
    struct display_viewer *viewer = &clipboard->object->viewers[n];
    uint32_t owner = display_load(&viewer->owner);
    if (owner == 0) return 0;
    if (!display_record_read(&viewer->clipboard_sequence, &viewer->clipboard, record, sizeof *record, NULL)) return 0;
    return record->owner == owner;
}

static void answer(struct clipboard *clipboard, uint32_t status, size_t bytes) {
    wish.is_answered = 1;
    wish.since = now_ms();
    clipboard->said.answer = (struct display_answer){
        .viewer = wish.viewer, .owner = wish.owner, .number = wish.number, .status = status, .bytes = (uint32_t)bytes};
    say(clipboard);
}

static void delivered(
    struct clipboard *clipboard, void *context, uint32_t status, const unsigned char *data, size_t bytes) {
    if (!wish.busy || wish.is_answered || (uintptr_t)context != wish.number) return;
    if (status == DISPLAY_ANSWER_DATA && bytes > 0) {
        // Room first: a write to a hole of a full tmpfs would fail half way.
        if (bytes > DISPLAY_MAX_CLIPBOARD)
            status = DISPLAY_ANSWER_TOO_BIG;
        else if (fallocate(clipboard->file, 0, DISPLAY_POD_CLIPBOARD_OFFSET, (off_t)bytes) < 0 ||
                 pwrite(clipboard->file, data, bytes, DISPLAY_POD_CLIPBOARD_OFFSET) != (ssize_t)bytes)
            status = DISPLAY_ANSWER_FAILED;
    }
    answer(clipboard, status, status == DISPLAY_ANSWER_DATA ? bytes : 0);
}

static void begin(struct clipboard *clipboard, uint32_t viewer, const struct display_clipboard *record) {
    const struct display_wish *wanted = &record->wish;
    wish.busy = 1;
    wish.is_answered = 0;
    wish.viewer = viewer;
    wish.owner = record->owner;
    wish.number = wanted->number;
    wish.since = now_ms();
    if (wanted->selection >= DISPLAY_SELECTIONS) return answer(clipboard, DISPLAY_ANSWER_FAILED, 0);
    const struct display_offer *offer = &clipboard->said.offers[wanted->selection];
    if (wanted->serial != offer->serial || !(offer->formats & wanted->format))
        return answer(clipboard, DISPLAY_ANSWER_GONE, 0);
    Atom target = wanted->format == DISPLAY_FORMAT_PNG ? clipboard->atoms.png : clipboard->atoms.utf8;
    read_selection(clipboard, wanted->selection, target, delivered, (void *)(uintptr_t)wanted->number);
}

static void end_wish(struct clipboard *clipboard) {
    wish.busy = 0;
    memset(&clipboard->said.answer, 0, sizeof clipboard->said.answer);
    // The memory of what was pasted goes back.
    fallocate(clipboard->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, DISPLAY_POD_CLIPBOARD_OFFSET,
              DISPLAY_MAX_CLIPBOARD);
    say(clipboard);
}

static void look_at_viewers(struct clipboard *clipboard) {
    for (uint32_t n = 0; n < DISPLAY_VIEWERS; n++) {
        struct display_clipboard record;
        uint32_t owner = display_load(&clipboard->object->viewers[n].owner);
        if (owner != viewers[n].owner) {
            // Whoever was there is gone, and with him what he offered.
            static const struct display_offer none;
            for (uint32_t s = 0; s < DISPLAY_SELECTIONS; s++) serve_offer(clipboard, s, n, viewers[n].owner, &none);
            memset(&viewers[n].last, 0, sizeof viewers[n].last);
            viewers[n].owner = owner;
        }
        if (wish.busy && wish.viewer == n && (owner != wish.owner)) end_wish(clipboard);
        if (!read_viewer(clipboard, n, &record)) continue;
        for (uint32_t s = 0; s < DISPLAY_SELECTIONS; s++)
            if (record.offers[s].serial != viewers[n].last.offers[s].serial)
                serve_offer(clipboard, s, n, owner, &record.offers[s]);
        if (wish.busy && wish.viewer == n && record.wish.number != wish.number) end_wish(clipboard);
        uint32_t number = record.wish.number;
        // One that has to wait for another's is found again when that is done.
        int is_new = number != 0 && number != viewers[n].last.wish.number;
        if (is_new && wish.busy) record.wish.number = viewers[n].last.wish.number;
        viewers[n].last = record;
        record.wish.number = number;
        if (is_new && !wish.busy) begin(clipboard, n, &record);
    }
    if (wish.busy && wish.is_answered && now_ms() - wish.since > ANSWER_MS) end_wish(clipboard);
}

// ------------------------------------------------------------------------------------- the pod's own programs

static void offered(
    struct clipboard *clipboard, void *context, uint32_t status, const unsigned char *data, size_t bytes) {
    uintptr_t selection = (uintptr_t)context;
    uint32_t formats = 0;
    for (size_t n = 0; status == DISPLAY_ANSWER_DATA && n + sizeof(Atom) <= bytes; n += sizeof(Atom)) {
        Atom target;
        memcpy(&target, data + n, sizeof target);
        if (target == clipboard->atoms.utf8 || target == XA_STRING) formats |= DISPLAY_FORMAT_TEXT;
        if (target == clipboard->atoms.png) formats |= DISPLAY_FORMAT_PNG;
    }
    if (serve_owns((uint32_t)selection)) formats = 0;
    clipboard->said.offers[selection].serial++;
    clipboard->said.offers[selection].formats = formats;
    say(clipboard);
}

static void owner_changed(struct clipboard *clipboard, Atom selection, Window owner) {
    for (uint32_t s = 0; s < DISPLAY_SELECTIONS; s++) {
        if (clipboard->atoms.selections[s] != selection) continue;
        if (owner == clipboard->window || owner == None) {
            if (clipboard->said.offers[s].formats == 0) return;
            clipboard->said.offers[s].serial++;
            clipboard->said.offers[s].formats = 0;
            say(clipboard);
        } else {
            read_selection(clipboard, s, clipboard->atoms.targets, offered, (void *)(uintptr_t)s);
        }
    }
}

// ------------------------------------------------------------------------------------------------- the program

static struct clipboard clipboard;

// A futex is waited for by a thread only.
static void *wait_for_viewers(void *data) {
    int event = *(int *)data;
    const uint32_t *word = &clipboard.object->clipboard_doorbell;
    uint32_t seen = display_load(word) - 1u;
    for (;;) {
        if (display_load(word) == seen) display_wait(word, seen, -1);
        seen = display_load(word);
        uint64_t one = 1;
        ssize_t ignored = write(event, &one, sizeof one);
        (void)ignored;
    }
    return NULL;
}

static int give_up(const char *what, const char *why) {
    fprintf(stderr, "pod-clipboard: %s: %s\n", what, why);
    return 1;
}

// A property or window that went away meanwhile is the other program's affair.
static int ignore_error(Display *display, XErrorEvent *error) {
    (void)display, (void)error;
    return 0;
}

static int open_object(const char *path) {
    clipboard.file = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct stat status;
    if (clipboard.file < 0 || fstat(clipboard.file, &status) < 0) return give_up(path, strerror(errno));
    if (status.st_size < (off_t)DISPLAY_OBJECT_BYTES) return give_up(path, "is not a display");
    void *memory = mmap(NULL, DISPLAY_CONTROL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, clipboard.file, 0);
    if (memory == MAP_FAILED) return give_up(path, strerror(errno));
    clipboard.object = memory;
    return display_object_is_known(clipboard.object) ? 0 : give_up(path, "is not a display of this version");
}

static int open_display(void) {
    Display *display = XOpenDisplay(NULL);
    if (!display) return give_up("cannot reach the X server", XDisplayName(NULL));
    XSetErrorHandler(ignore_error);
    clipboard.display = display;
    clipboard.window = XCreateSimpleWindow(display, DefaultRootWindow(display), 0, 0, 1, 1, 0, 0, 0);
    XSelectInput(display, clipboard.window, PropertyChangeMask);
    clipboard.atoms = (struct atoms){
        .selections = {XInternAtom(display, "CLIPBOARD", False), XA_PRIMARY},
        .targets = XInternAtom(display, "TARGETS", False),
        .utf8 = XInternAtom(display, "UTF8_STRING", False),
        .png = XInternAtom(display, "image/png", False),
        .plain = XInternAtom(display, "text/plain;charset=utf-8", False),
        .incr = XInternAtom(display, "INCR", False),
    };
    for (int n = 0; n < CLIPBOARD_PROPERTIES; n++) {
        char name[32];
        snprintf(name, sizeof name, "_MEDIAPOD_SELECTION_%d", n);
        clipboard.atoms.properties[n] = XInternAtom(display, name, False);
    }
    int error, event;
    if (!XFixesQueryExtension(display, &event, &error)) return give_up("the X server", "has no XFixes");
    clipboard.fixes_event = event + XFixesSelectionNotify;
    for (int s = 0; s < (int)DISPLAY_SELECTIONS; s++) {
        XFixesSelectSelectionInput(
            display, clipboard.window, clipboard.atoms.selections[s], XFixesSetSelectionOwnerNotifyMask);
        owner_changed(&clipboard, clipboard.atoms.selections[s],
                      XGetSelectionOwner(display, clipboard.atoms.selections[s]));
    }
    return 0;
}

static void handle(const XEvent *event) {
    if (event->type == clipboard.fixes_event) {
        const XFixesSelectionNotifyEvent *notify = (const XFixesSelectionNotifyEvent *)event;
        owner_changed(&clipboard, notify->selection, notify->owner);
    } else if (!read_handles(&clipboard, event)) {
        serve_handles(&clipboard, event);
    }
}

int main(int count, char **arguments) {
    if (count > 2) return give_up("usage", "pod-clipboard [OBJECT]"), 64;
    if (open_object(count == 2 ? arguments[1] : DISPLAY_OBJECT_PATH)) return 1;
    clipboard.said.owner = 1;
    if (open_display()) return 1;
    int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_t thread;
    if (event < 0 || pthread_create(&thread, NULL, wait_for_viewers, &event) != 0) return give_up("thread", "none");
    say(&clipboard);
    for (;;) {
        while (XPending(clipboard.display)) {
            XEvent next;
            XNextEvent(clipboard.display, &next);
            handle(&next);
        }
        look_at_viewers(&clipboard);
        serve_look(&clipboard);
        XFlush(clipboard.display);
        if (XEventsQueued(clipboard.display, QueuedAlready)) continue;
        struct pollfd wait[2] = {
            {.fd = ConnectionNumber(clipboard.display), .events = POLLIN}, {.fd = event, .events = POLLIN}};
        // An idle clipboard sleeps: time matters only while somebody waits.
        int is_waiting = wish.busy || clipboard.said.wish.number != 0;
        poll(wait, 2, is_waiting ? TICK_MS : -1);
        uint64_t rung;
        if (wait[1].revents && read(event, &rung, sizeof rung) < 0) continue;
        read_tick(&clipboard);
        serve_tick(&clipboard);
    }
}
