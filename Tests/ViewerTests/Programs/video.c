// Shows frames by XVideo: video FOURCC WIDTH HEIGHT X Y TARGET_WIDTH TARGET_HEIGHT. A frame for every line that it reads, a
// seed; says "shown".
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <X11/extensions/Xv.h>
#include <X11/extensions/Xvlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static XvPortID port_of(Display *display) {
    unsigned count = 0;
    XvAdaptorInfo *adaptors = NULL;
    XvQueryAdaptors(display, DefaultRootWindow(display), &count, &adaptors);
    for (unsigned n = 0; n < count; n++)
        for (unsigned long port = 0; port < adaptors[n].num_ports; port++)
            if (XvGrabPort(display, adaptors[n].base_id + port, CurrentTime) == Success) return adaptors[n].base_id + port;
    return 0;
}

int main(int count, char **arguments) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    Display *display = XOpenDisplay(NULL);
    if (!display || count != 8) return 1;
    int format = 0, width = atoi(arguments[2]), height = atoi(arguments[3]);
    memcpy(&format, arguments[1], 4);
    XvPortID port = port_of(display);
    if (!port) return 2;
    XSetWindowAttributes attributes = {.override_redirect = True, .background_pixel = 0x113355};
    Window window = XCreateWindow(display, DefaultRootWindow(display), 0, 0, (unsigned)DisplayWidth(display, 0),
                                  (unsigned)DisplayHeight(display, 0), 0, CopyFromParent, InputOutput, CopyFromParent,
                                  CWOverrideRedirect | CWBackPixel, &attributes);
    XMapRaised(display, window);
    GC gc = XCreateGC(display, window, 0, NULL);
    XvImage *image = XvCreateImage(display, port, format, NULL, width, height);
    if (!image || image->width != width) return 3;
    image->data = malloc((size_t)image->data_size);
    XSync(display, False);
    puts("ready");
    unsigned seed;
    while (scanf("%u", &seed) == 1) {
        for (int n = 0; n < image->data_size; n++)
            image->data[n] = (char)(16 + (n / 64 * 7 + (int)seed * 31 + n % 5) % 200);
        XvPutImage(display, port, window, gc, image, 0, 0, (unsigned)width, (unsigned)height, atoi(arguments[4]),
                   atoi(arguments[5]), (unsigned)atoi(arguments[6]), (unsigned)atoi(arguments[7]));
        XSync(display, False);
        puts("shown");
    }
    return 0;
}
