// Closes a window as window managers do: close WINDOW
#include <X11/Xlib.h>
#include <stdlib.h>

int main(int count, char **arguments) {
    Display *display = XOpenDisplay(NULL);
    if (!display || count != 2) return 1;
    XEvent event = {.xclient = {
                        .type = ClientMessage,
                        .window = strtoul(arguments[1], NULL, 0),
                        .message_type = XInternAtom(display, "WM_PROTOCOLS", False),
                        .format = 32,
                        .data.l = {(long)XInternAtom(display, "WM_DELETE_WINDOW", False), CurrentTime},
                    }};
    XSendEvent(display, event.xclient.window, False, NoEventMask, &event);
    XSync(display, False);
    XCloseDisplay(display);
    return 0;
}
