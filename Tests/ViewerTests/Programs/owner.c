// owner BYTES SAID: owns the clipboard, has BYTES of text to give, and goes on giving them as long as somebody takes pieces,
// also when the clipboard has become another's. It says beforehand that they are at least SAID. Prints "owned", then after
// each piece how many bytes it has given.
#include <X11/Xatom.h>
#include <X11/Xlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 256 << 10 };

int main(int count, char **arguments) {
    Display *display = XOpenDisplay(NULL);
    if (!display || count != 3) return 1;
    const long bytes = atol(arguments[1]), said = atol(arguments[2]);
    static char piece[PIECE];
    memset(piece, 'x', sizeof piece);
    Window window = XCreateSimpleWindow(display, DefaultRootWindow(display), 0, 0, 1, 1, 0, 0, 0);
    const Atom clipboard = XInternAtom(display, "CLIPBOARD", False), targets = XInternAtom(display, "TARGETS", False),
               text = XInternAtom(display, "UTF8_STRING", False), incr = XInternAtom(display, "INCR", False);
    XSetSelectionOwner(display, clipboard, window, CurrentTime);
    if (XGetSelectionOwner(display, clipboard) != window) return 1;
    puts("owned");
    fflush(stdout);

    // Who takes, where from, and how much is left.
    Window taker = None;
    Atom place = None;
    long left = 0, given = 0;
    for (;;) {
        XEvent event;
        XNextEvent(display, &event);
        if (event.type == SelectionRequest) {
            const XSelectionRequestEvent *request = &event.xselectionrequest;
            XEvent answer = {.xselection = {.type = SelectionNotify,
                                 .requestor = request->requestor,
                                 .selection = request->selection,
                                 .target = request->target,
                                 .property = request->property,
                                 .time = request->time}};
            if (request->target == targets) {
                const Atom known[] = {targets, text};
                XChangeProperty(display, request->requestor, request->property, XA_ATOM, 32, PropModeReplace,
                    (const unsigned char *)known, 2);
            } else if (request->target == text) {
                taker = request->requestor;
                place = request->property;
                left = bytes;
                XSelectInput(display, taker, PropertyChangeMask);
                XChangeProperty(display, taker, place, incr, 32, PropModeReplace, (const unsigned char *)&said, 1);
            } else {
                answer.xselection.property = None;
            }
            XSendEvent(display, request->requestor, False, 0, &answer);
        } else if (event.type == PropertyNotify && event.xproperty.state == PropertyDelete &&
                   event.xproperty.window == taker && event.xproperty.atom == place) {
            const long now = left < PIECE ? left : PIECE;
            XChangeProperty(display, taker, place, text, 8, PropModeReplace, (const unsigned char *)piece, (int)now);
            left -= now;
            given += now;
            printf("%ld\n", given);
            fflush(stdout);
        }
    }
}
