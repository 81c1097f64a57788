// cursor: shows one cursor after the other over the whole screen; prints what it did.
#include "client.h"

#include <X11/extensions/Xfixes.h>
#include <X11/extensions/Xrender.h>

/// A cursor whose pixels are known: alpha, red, green and blue from the position, premultiplied.
static Cursor argb(unsigned width, unsigned height, int hot_x, int hot_y) {
    XRenderPictFormat *format = XRenderFindStandardFormat(display, PictStandardARGB32);
    Pixmap pixmap = XCreatePixmap(display, root, width, height, 32);
    GC gc = XCreateGC(display, pixmap, 0, NULL);
    XImage *image = XCreateImage(display, NULL, 32, ZPixmap, 0, malloc((size_t)width * height * 4), width, height, 32, 0);
    for (unsigned y = 0; y < height; y++)
        for (unsigned x = 0; x < width; x++) {
            unsigned alpha = (x + y + 100) % 256;
            XPutPixel(image, (int)x, (int)y, alpha << 24 | (x % (alpha + 1)) << 16 | (y % (alpha + 1)) << 8 | alpha / 2);
        }
    XPutImage(display, pixmap, gc, image, 0, 0, 0, 0, width, height);
    Picture picture = XRenderCreatePicture(display, pixmap, format, 0, NULL);
    return XRenderCreateCursor(display, picture, (unsigned)hot_x, (unsigned)hot_y);
}

/// Two colours: a box of the foreground on a larger one of the background.
static Cursor mono(XColor foreground, XColor background) {
    Pixmap source = XCreatePixmap(display, root, 19, 21, 1), mask = XCreatePixmap(display, root, 19, 21, 1);
    GC gc = XCreateGC(display, source, 0, NULL);
    XSetForeground(display, gc, 0);
    XFillRectangle(display, source, gc, 0, 0, 19, 21);
    XFillRectangle(display, mask, gc, 0, 0, 19, 21);
    XSetForeground(display, gc, 1);
    XFillRectangle(display, mask, gc, 1, 1, 17, 19);
    XFillRectangle(display, source, gc, 5, 6, 3, 4);
    return XCreatePixmapCursor(display, source, mask, &foreground, &background, 2, 3);
}

int main(void) {
    open_display();
    XSetWindowAttributes attributes = {.override_redirect = True, .background_pixel = 0x336699};
    Window window = XCreateWindow(display, root, 0, 0, 2000, 2000, 0, CopyFromParent, InputOutput, CopyFromParent,
        CWOverrideRedirect | CWBackPixel, &attributes);
    XMapWindow(display, window);
    XColor red = {.red = 0xffff, .green = 0x1212}, blue = {.blue = 0xffff, .green = 0x3434};

    XDefineCursor(display, window, argb(32, 48, 5, 7));
    step("argb");
    Cursor two = mono(red, blue);
    XDefineCursor(display, window, two);
    step("mono");
    XRecolorCursor(display, two, &blue, &red);
    step("recoloured");
    XDefineCursor(display, window, argb(256, 256, 255, 0));
    step("largest");
    XFixesHideCursor(display, window);
    step("hidden");
    XFixesShowCursor(display, window);
    step("shown");
    XDefineCursor(display, window, argb(300, 300, 150, 150));
    step("too large");
    XWarpPointer(display, None, root, 0, 0, 0, 0, 333, 222);
    step("too large, moved");
    XDefineCursor(display, window, argb(10000, 16, 5000, 8));
    step("10,000 wide");
    XDefineCursor(display, window, argb(16, 10000, 8, 5000));
    step("10,000 high");
    XDefineCursor(display, window, argb(1, 1, 0, 0));
    step("smallest");
    XWarpPointer(display, None, root, 0, 0, 0, 0, 17, 19);
    step("warped");
    // Shapes in a row, as programs that animate have them.
    for (int n = 0; n < 200; n++) XDefineCursor(display, window, argb((unsigned)(1 + n % 64), (unsigned)(1 + n % 50), 0, 0));
    step("many");
    return 0;
}
