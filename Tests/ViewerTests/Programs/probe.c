// A program on an X server that draws what it is told and says what it hears. One command a line:
//   paint SEED COUNT      rectangles at random; says "painted"
//   rect X Y W H COLOUR   says "painted"
//   cursor W H HX HY SEED an ARGB cursor; says "cursor HASH"
//   warp X Y              says "warped"
//   own TEXT              owns CLIPBOARD with that text; says "owned"
// Says besides "key down CODE SYM", "key up ...", "button down N X Y", "button up ...", "motion X Y".
#include <X11/Xlib.h>
#include <X11/Xatom.h>
#include <X11/Xutil.h>
#include <X11/cursorfont.h>
#include <X11/extensions/Xrender.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static Display *display;
static Window window;
static GC gc;
static int width, height;

static void rectangle(int x, int y, int w, int h, unsigned long colour) {
    XSetForeground(display, gc, colour);
    XFillRectangle(display, window, gc, x, y, (unsigned)w, (unsigned)h);
}

static void paint(unsigned seed, int count) {
    srand(seed);
    for (int n = 0; n < count; n++) {
        int x = rand() % width, y = rand() % height;
        rectangle(x, y, 1 + rand() % 97, 1 + rand() % 83, (unsigned long)rand() & 0xffffff);
    }
    // Every pixel of some of it differs from its neighbours.
    for (int n = 0; n < 2000; n++) {
        XSetForeground(display, gc, (unsigned long)rand() & 0xffffff);
        XDrawPoint(display, window, gc, rand() % width, rand() % height);
    }
}

static void cursor(unsigned w, unsigned h, unsigned hx, unsigned hy, unsigned seed) {
    uint32_t *pixels = malloc(w * h * 4);
    uint64_t hash = 14695981039346656037u;
    srand(seed);
    for (unsigned n = 0; n < w * h; n++) {
        pixels[n] = 0xff000000u | ((uint32_t)rand() & 0xffffff);
        hash = (hash ^ pixels[n]) * 1099511628211u;
    }
    Pixmap pixmap = XCreatePixmap(display, window, w, h, 32);
    GC cursor_gc = XCreateGC(display, pixmap, 0, NULL);
    XImage *image = XCreateImage(display, DefaultVisual(display, 0), 32, ZPixmap, 0, (char *)pixels, w, h, 32, 0);
    XPutImage(display, pixmap, cursor_gc, image, 0, 0, 0, 0, w, h);
    XDestroyImage(image);
    Picture picture =
        XRenderCreatePicture(display, pixmap, XRenderFindStandardFormat(display, PictStandardARGB32), 0, NULL);
    Cursor made = XRenderCreateCursor(display, picture, hx, hy);
    XDefineCursor(display, window, made);
    XSync(display, False);
    printf("cursor %016llx\n", (unsigned long long)hash);
}

static void obey(char *line) {
    int a, b, c, d;
    unsigned e;
    if (sscanf(line, "paint %u %d", &e, &a) == 2) {
        paint(e, a);
    } else if (sscanf(line, "rect %d %d %d %d %x", &a, &b, &c, &d, &e) == 5) {
        rectangle(a, b, c, d, e);
    } else if (sscanf(line, "cursor %d %d %d %d %u", &a, &b, &c, &d, &e) == 5) {
        cursor((unsigned)a, (unsigned)b, (unsigned)c, (unsigned)d, e);
        return;
    } else if (sscanf(line, "warp %d %d", &a, &b) == 2) {
        XWarpPointer(display, None, window, 0, 0, 0, 0, a, b);
        XSync(display, False);
        puts("warped");
        return;
    }
    XSync(display, False);
    puts("painted");
}

static void hear(XEvent *event) {
    KeySym symbol;
    char text[8];
    switch (event->type) {
    case KeyPress:
    case KeyRelease:
        XLookupString(&event->xkey, text, sizeof text, &symbol, NULL);
        printf("key %s %u %s\n", event->type == KeyPress ? "down" : "up", event->xkey.keycode,
               symbol ? XKeysymToString(symbol) : "none");
        break;
    case ButtonPress:
    case ButtonRelease:
        printf("button %s %u %d %d\n", event->type == ButtonPress ? "down" : "up", event->xbutton.button, event->xbutton.x,
               event->xbutton.y);
        break;
    case MotionNotify: printf("motion %d %d\n", event->xmotion.x, event->xmotion.y); break;
    case ConfigureNotify: break;
    case MappingNotify: XRefreshKeyboardMapping(&event->xmapping); break;
    default: break;
    }
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    display = XOpenDisplay(NULL);
    if (!display) return 1;
    width = DisplayWidth(display, 0);
    height = DisplayHeight(display, 0);
    XSetWindowAttributes attributes = {
        .override_redirect = True,
        .background_pixel = 0x204060,
        .event_mask = KeyPressMask | KeyReleaseMask | ButtonPressMask | ButtonReleaseMask | PointerMotionMask,
    };
    window = XCreateWindow(display, DefaultRootWindow(display), 0, 0, (unsigned)width, (unsigned)height, 0, CopyFromParent,
                           InputOutput, CopyFromParent, CWOverrideRedirect | CWBackPixel | CWEventMask, &attributes);
    gc = XCreateGC(display, window, 0, NULL);
    XMapRaised(display, window);
    XSync(display, False);
    XSetInputFocus(display, window, RevertToPointerRoot, CurrentTime);
    XSync(display, False);
    puts("ready");
    char buffer[4096];
    size_t length = 0;
    for (;;) {
        while (XPending(display)) {
            XEvent event;
            XNextEvent(display, &event);
            hear(&event);
        }
        struct pollfd wait[2] = {{.fd = 0, .events = POLLIN}, {.fd = ConnectionNumber(display), .events = POLLIN}};
        poll(wait, 2, -1);
        if (!wait[0].revents) continue;
        ssize_t got = read(0, buffer + length, sizeof buffer - 1 - length);
        if (got <= 0) return 0;
        length += (size_t)got;
        buffer[length] = 0;
        char *end;
        while ((end = strchr(buffer, '\n'))) {
            *end = 0;
            obey(buffer);
            length -= (size_t)(end + 1 - buffer);
            memmove(buffer, end + 1, length + 1);
        }
    }
}
