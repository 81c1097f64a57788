// pod-clipboard: an X client inside the pod that owns the pod's selections in a viewer's stead, and hands what is copied in
// the pod to the viewers. Data moves only when something is pasted. DisplayABI.h says how.
#ifndef CLIPBOARD_H
#define CLIPBOARD_H

#include "DisplayABI.h"

#include <X11/Xlib.h>
#include <stddef.h>

enum { CLIPBOARD_PROPERTIES = 16 };

struct atoms {
    Atom selections[DISPLAY_SELECTIONS]; // in the order of display_selection
    Atom targets, utf8, png, plain, incr;
    Atom properties[CLIPBOARD_PROPERTIES]; // of our window, for what we read
};

struct clipboard {
    Display *display;
    Window window;
    struct atoms atoms;
    int fixes_event;
    int file;
    struct display_object *object;
    struct display_clipboard said; // what is in our record
};

/// ms of the monotonic clock.
uint64_t now_ms(void);

/// Writes the record, and tells the viewers.
void say(struct clipboard *clipboard);

// ------------------------------------------------- read.c: selections of the pod's programs, for viewers

/// What became of a request; `data` is NULL unless `status` is DISPLAY_ANSWER_DATA.
typedef void (*read_done)(struct clipboard *clipboard, void *context, uint32_t status, const unsigned char *data,
                          size_t bytes);

/// Asks a selection's owner; the answer comes later, or at once when too much is asked for.
void read_selection(struct clipboard *clipboard, uint32_t selection, Atom target, read_done done, void *context);
int read_handles(struct clipboard *clipboard, const XEvent *event);
/// An owner that does not deliver has failed.
void read_tick(struct clipboard *clipboard);

// ------------------------------------------------- serve.c: viewers' selections, for the pod's programs

/// A viewer offers something else.
void serve_offer(struct clipboard *clipboard, uint32_t selection, uint32_t viewer, uint32_t owner,
                 const struct display_offer *offer);
int serve_handles(struct clipboard *clipboard, const XEvent *event);
/// Looks for the answer to our wish.
void serve_look(struct clipboard *clipboard);
void serve_tick(struct clipboard *clipboard);
/// Whether a viewer's offer stands: then the pod's own programs have nothing to offer.
int serve_owns(uint32_t selection);

#endif
