// Paints over a part of another program's window: scribble WINDOW X Y W H COLOUR
#include <X11/Xlib.h>
#include <stdlib.h>

int main(int count, char **arguments) {
    Display *display = XOpenDisplay(NULL);
    if (!display || count != 7) return 1;
    Window window = strtoul(arguments[1], NULL, 0);
    GC gc = XCreateGC(display, window, 0, NULL);
    XSetForeground(display, gc, strtoul(arguments[6], NULL, 16));
    XFillRectangle(display, window, gc, atoi(arguments[2]), atoi(arguments[3]), (unsigned)atoi(arguments[4]),
                   (unsigned)atoi(arguments[5]));
    XSync(display, False);
    XCloseDisplay(display);
    return 0;
}
