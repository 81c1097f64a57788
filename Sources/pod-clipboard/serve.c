// Owns the pod's selections in a viewer's stead, and gets the data from the viewer when a program pastes.
#include "clipboard.h"

#include <X11/Xatom.h>
#include <stdlib.h>
#include <string.h>

enum { PASTES = 8, TRANSFERS = 4, PATIENCE_MS = 2000, PIECE = 65536, WHOLE = 262144 };

static struct {
    uint32_t viewer, owner;
    struct display_offer offer;
} offers[DISPLAY_SELECTIONS];

static struct paste {
    XSelectionRequestEvent event;
    uint32_t selection, format;
} pastes[PASTES];
static int pasting;
static uint32_t last_number;
static uint64_t deadline;

// A large one on its way to a program, piece by piece.
static struct transfer {
    Window requestor;
    Atom property, type;
    unsigned char *data;
    size_t bytes, position;
    uint64_t deadline;
} transfers[TRANSFERS];

int serve_owns(uint32_t selection) { return offers[selection].offer.formats != 0; }

void serve_offer(struct clipboard *clipboard, uint32_t selection, uint32_t viewer, uint32_t owner,
                 const struct display_offer *offer) {
    uint32_t formats = offer->formats & (DISPLAY_FORMAT_TEXT | DISPLAY_FORMAT_PNG);
    int is_theirs = offers[selection].viewer == viewer && offers[selection].owner == owner;
    if (formats == 0 && !(is_theirs && serve_owns(selection))) return; // another's stands
    offers[selection].viewer = viewer;
    offers[selection].owner = owner;
    offers[selection].offer = (struct display_offer){offer->serial, formats};
    Atom atom = clipboard->atoms.selections[selection];
    if (formats != 0) XSetSelectionOwner(clipboard->display, atom, clipboard->window, CurrentTime);
    else if (XGetSelectionOwner(clipboard->display, atom) == clipboard->window)
        XSetSelectionOwner(clipboard->display, atom, None, CurrentTime);
}

static void notify(struct clipboard *clipboard, const XSelectionRequestEvent *request, Atom property) {
    XEvent event = {.xselection = {
                        .type = SelectionNotify,
                        .display = request->display,
                        .requestor = request->requestor,
                        .selection = request->selection,
                        .target = request->target,
                        .property = property,
                        .time = request->time,
                    }};
    XSendEvent(clipboard->display, request->requestor, False, 0, &event);
}

static void wish_for_next(struct clipboard *clipboard) {
    memset(&clipboard->said.wish, 0, sizeof clipboard->said.wish);
    if (pasting > 0) {
        uint32_t selection = pastes[0].selection;
        if (++last_number == 0) last_number = 1;
        clipboard->said.wish = (struct display_wish){
            .number = last_number,
            .viewer = offers[selection].viewer,
            .owner = offers[selection].owner,
            .selection = selection,
            .serial = offers[selection].offer.serial,
            .format = pastes[0].format,
        };
        deadline = now_ms() + PATIENCE_MS;
    }
    say(clipboard);
}

static void tell_targets(struct clipboard *clipboard, const XSelectionRequestEvent *event, Atom property, uint32_t formats) {
    Atom targets[8];
    int count = 0;
    targets[count++] = clipboard->atoms.targets;
    if (formats & DISPLAY_FORMAT_TEXT) {
        targets[count++] = clipboard->atoms.utf8;
        targets[count++] = clipboard->atoms.plain;
        targets[count++] = XA_STRING;
    }
    if (formats & DISPLAY_FORMAT_PNG) targets[count++] = clipboard->atoms.png;
    XChangeProperty(clipboard->display, event->requestor, property, XA_ATOM, 32, PropModeReplace,
                    (unsigned char *)targets, count);
    notify(clipboard, event, property);
}

static void requested(struct clipboard *clipboard, const XSelectionRequestEvent *event) {
    uint32_t selection = 0;
    while (selection < DISPLAY_SELECTIONS && clipboard->atoms.selections[selection] != event->selection) selection++;
    if (selection == DISPLAY_SELECTIONS || !serve_owns(selection)) return notify(clipboard, event, None);
    Atom property = event->property == None ? event->target : event->property;
    uint32_t formats = offers[selection].offer.formats, format = 0;
    if (event->target == clipboard->atoms.targets) return tell_targets(clipboard, event, property, formats);
    if (event->target == clipboard->atoms.utf8 || event->target == clipboard->atoms.plain || event->target == XA_STRING)
        format = DISPLAY_FORMAT_TEXT;
    if (event->target == clipboard->atoms.png) format = DISPLAY_FORMAT_PNG;
    if (!(formats & format) || pasting == PASTES) return notify(clipboard, event, None);
    pastes[pasting] = (struct paste){*event, selection, format};
    pastes[pasting].event.property = property;
    if (++pasting == 1) wish_for_next(clipboard);
}

static void finish_transfer(struct clipboard *clipboard, struct transfer *transfer) {
    XSelectInput(clipboard->display, transfer->requestor, NoEventMask);
    free(transfer->data);
    memset(transfer, 0, sizeof *transfer);
}

// Takes `data`.
static void deliver(struct clipboard *clipboard, const XSelectionRequestEvent *event, unsigned char *data, size_t bytes) {
    if (bytes <= WHOLE) {
        XChangeProperty(clipboard->display, event->requestor, event->property, event->target, 8, PropModeReplace, data,
                        (int)bytes);
        free(data);
        return notify(clipboard, event, event->property);
    }
    struct transfer *transfer = transfers;
    while (transfer < transfers + TRANSFERS && transfer->data) transfer++;
    if (transfer == transfers + TRANSFERS) {
        free(data);
        return notify(clipboard, event, None);
    }
    *transfer = (struct transfer){event->requestor, event->property, event->target, data, bytes, 0, now_ms() + PATIENCE_MS};
    XSelectInput(clipboard->display, event->requestor, PropertyChangeMask);
    long size = (long)bytes;
    XChangeProperty(clipboard->display, event->requestor, event->property, clipboard->atoms.incr, 32, PropModeReplace,
                    (unsigned char *)&size, 1);
    notify(clipboard, event, event->property);
}

void serve_look(struct clipboard *clipboard) {
    const struct display_wish *wish = &clipboard->said.wish;
    if (wish->number == 0 || pasting == 0 || wish->viewer >= DISPLAY_VIEWERS) return;
    struct display_viewer *viewer = &clipboard->object->viewers[wish->viewer];
    struct display_clipboard record;
    int is_there = display_load(&viewer->owner) == wish->owner;
    if (is_there &&
        !display_record_read(&viewer->clipboard_sequence, &viewer->clipboard, &record, sizeof record, NULL))
        return;
    if (is_there && (record.owner != wish->owner || record.answer.number != wish->number ||
                     record.answer.status == DISPLAY_ANSWER_NONE))
        return;
    struct paste paste = pastes[0];
    memmove(pastes, pastes + 1, (size_t)--pasting * sizeof *pastes);
    size_t bytes = is_there ? record.answer.bytes : 0;
    unsigned char *data = NULL;
    if (is_there && record.answer.status == DISPLAY_ANSWER_DATA && bytes <= DISPLAY_MAX_CLIPBOARD)
        data = malloc(bytes + 1);
    off_t offset = (off_t)display_viewer_clipboard_offset(wish->viewer);
    if (data && pread(clipboard->file, data, bytes, offset) != (ssize_t)bytes) {
        free(data);
        data = NULL;
    }
    if (data) deliver(clipboard, &paste.event, data, bytes);
    else notify(clipboard, &paste.event, None);
    wish_for_next(clipboard);
}

static int taken(struct clipboard *clipboard, const XPropertyEvent *event) {
    for (struct transfer *transfer = transfers; transfer < transfers + TRANSFERS; transfer++) {
        if (!transfer->data || transfer->requestor != event->window || transfer->property != event->atom) continue;
        size_t piece = transfer->bytes - transfer->position;
        if (piece > PIECE) piece = PIECE;
        XChangeProperty(clipboard->display, transfer->requestor, transfer->property, transfer->type, 8, PropModeReplace,
                        transfer->data + transfer->position, (int)piece);
        transfer->position += piece;
        transfer->deadline = now_ms() + PATIENCE_MS;
        if (piece == 0) finish_transfer(clipboard, transfer); // an empty piece was the end
        return 1;
    }
    return 0;
}

int serve_handles(struct clipboard *clipboard, const XEvent *event) {
    switch (event->type) {
    case SelectionRequest: requested(clipboard, &event->xselectionrequest); return 1;
    case SelectionClear:
        for (uint32_t s = 0; s < DISPLAY_SELECTIONS; s++)
            if (clipboard->atoms.selections[s] == event->xselectionclear.selection) offers[s].offer.formats = 0;
        return 1;
    case PropertyNotify: return event->xproperty.state == PropertyDelete && taken(clipboard, &event->xproperty);
    default: return 0;
    }
}

void serve_tick(struct clipboard *clipboard) {
    uint64_t now = now_ms();
    for (struct transfer *transfer = transfers; transfer < transfers + TRANSFERS; transfer++)
        if (transfer->data && now > transfer->deadline) finish_transfer(clipboard, transfer);
    if (pasting > 0 && now > deadline) {
        notify(clipboard, &pastes[0].event, None);
        memmove(pastes, pastes + 1, (size_t)--pasting * sizeof *pastes);
        wish_for_next(clipboard);
    }
}
