// draw SEED STEPS [all]: random drawing by every means that X has, in windows that come and go. After each step it prints
// the screen's hash and waits. With `all`, also by what does not look the same on every server: lines without a width, which
// Xvfb rounds another way than Xorg does, and redirected windows, which are not defined where they were never shown.
#include "client.h"

#include <X11/extensions/XShm.h>
#include <X11/extensions/Xcomposite.h>
#include <X11/extensions/Xrender.h>
#include <X11/extensions/shape.h>
#include <sys/ipc.h>
#include <sys/shm.h>

// Pictures of this size are large ones to the driver (puts.c).
enum { WINDOWS = 6, SIZE = 400 };

static Window windows[WINDOWS];
static Picture pictures[WINDOWS];
static GC gc, bitmap_gc;
static Pixmap pixmap, bitmap;
static Picture pixmap_picture, gradient;
static XShmSegmentInfo segment;
static XImage *shared, *plain;
static Font font;
static int all;

static int coordinate(void) { return random_in(-40, SIZE + 40); }
static unsigned extent(void) { return (unsigned)random_in(1, SIZE); }

static void fill_images(void) {
    for (int n = 0; n < SIZE * SIZE; n++) {
        ((uint32_t *)(void *)shared->data)[n] = random_below(1u << 24);
        ((uint32_t *)(void *)plain->data)[n] = random_below(1u << 24);
    }
}

static void make_everything(void) {
    XSetWindowBackground(display, root, 0x203040);
    XClearWindow(display, root);
    XRenderPictFormat *format = XRenderFindVisualFormat(display, DefaultVisual(display, 0));
    for (int n = 0; n < WINDOWS; n++) {
        XSetWindowAttributes attributes = {.background_pixel = random_below(1u << 24), .override_redirect = True};
        windows[n] = XCreateWindow(display, n < 4 ? root : windows[n - 4], random_in(0, 300), random_in(0, 200),
            extent(), extent(), (unsigned)random_in(0, 3), CopyFromParent, InputOutput, CopyFromParent,
            CWBackPixel | CWOverrideRedirect, &attributes);
        XRenderPictureAttributes picture = {.subwindow_mode = n % 2 ? IncludeInferiors : ClipByChildren};
        pictures[n] = XRenderCreatePicture(display, windows[n], format, CPSubwindowMode, &picture);
        XMapWindow(display, windows[n]);
    }
    pixmap = XCreatePixmap(display, root, SIZE, SIZE, 24);
    bitmap = XCreatePixmap(display, root, SIZE, SIZE, 1);
    pixmap_picture = XRenderCreatePicture(display, pixmap, format, 0, NULL);
    gc = XCreateGC(display, root, 0, NULL);
    bitmap_gc = XCreateGC(display, bitmap, 0, NULL);
    font = XLoadFont(display, "fixed");
    XSetFont(display, gc, font);
    plain = XCreateImage(display, DefaultVisual(display, 0), 24, ZPixmap, 0, malloc(SIZE * SIZE * 4), SIZE, SIZE, 32, 0);
    shared = XShmCreateImage(display, DefaultVisual(display, 0), 24, ZPixmap, NULL, &segment, SIZE, SIZE);
    segment.shmid = shmget(IPC_PRIVATE, SIZE * SIZE * 4, IPC_CREAT | 0666);
    segment.shmaddr = shared->data = shmat(segment.shmid, NULL, 0);
    if (segment.shmaddr == (char *)-1 || !XShmAttach(display, &segment)) die("no shared memory");
    fill_images();
    XSync(display, False);
    shmctl(segment.shmid, IPC_RMID, NULL);
    XPutImage(display, pixmap, gc, plain, 0, 0, 0, 0, SIZE, SIZE);
    XSetForeground(display, bitmap_gc, 0);
    XFillRectangle(display, bitmap, bitmap_gc, 0, 0, SIZE, SIZE);
    XSetForeground(display, bitmap_gc, 1);
    XFillArc(display, bitmap, bitmap_gc, 0, 0, SIZE, SIZE, 0, 300 * 64);
    XLinearGradient line = {.p1 = {0, 0}, .p2 = {XDoubleToFixed(SIZE), XDoubleToFixed(SIZE)}};
    XFixed stops[2] = {0, XDoubleToFixed(1)};
    XRenderColor colours[2] = {{65535, 0, 20000, 30000}, {0, 50000, 65535, 65535}};
    gradient = XRenderCreateLinearGradient(display, &line, stops, colours, 2);
}

static void random_gc(void) {
    static const int functions[] = {GXcopy, GXcopy, GXcopy, GXxor, GXinvert, GXand, GXorReverse};
    XGCValues values = {
        .function = functions[random_below(sizeof functions / sizeof *functions)],
        .foreground = random_below(1u << 24),
        .background = random_below(1u << 24),
        .line_width = random_in(all ? 0 : 1, 9),
        .line_style = random_in(LineSolid, LineDoubleDash),
        .cap_style = random_in(CapNotLast, CapProjecting),
        .join_style = random_in(JoinMiter, JoinBevel),
        .fill_style = random_below(4) ? FillSolid : FillTiled,
        .tile = pixmap,
        .subwindow_mode = random_below(4) ? ClipByChildren : IncludeInferiors,
        .plane_mask = random_below(6) ? AllPlanes : random_below(1u << 24),
    };
    XChangeGC(display, gc,
        GCFunction | GCForeground | GCBackground | GCLineWidth | GCLineStyle | GCCapStyle | GCJoinStyle | GCFillStyle |
            GCTile | GCSubwindowMode | GCPlaneMask,
        &values);
    if (random_below(3) == 0) {
        XRectangle clip[2] = {{(short)coordinate(), (short)coordinate(), (unsigned short)extent(), (unsigned short)extent()},
            {(short)coordinate(), (short)coordinate(), (unsigned short)extent(), (unsigned short)extent()}};
        XSetClipRectangles(display, gc, 0, 0, clip, 2, Unsorted);
    } else {
        XSetClipMask(display, gc, None);
    }
}

// The same picture twice, with a few pixels or lines of it another: what a driver may leave alone and what not.
static void putting_again(Drawable to) {
    int x = coordinate(), y = coordinate();
    if (random_below(3)) XSetFunction(display, gc, GXcopy), XSetPlaneMask(display, gc, AllPlanes);
    for (int again = 0; again < 2; again++) {
        if (random_below(2))
            XShmPutImage(display, to, gc, shared, 0, 0, x, y, SIZE, SIZE, False);
        else {
            XShmPutImage(display, pixmap, gc, shared, 0, 0, 0, 0, SIZE, SIZE, False);
            XCopyArea(display, pixmap, to, gc, 0, 0, SIZE, SIZE, x, y);
        }
        XSync(display, False); // it was read
        uint32_t *pixels = (uint32_t *)(void *)shared->data;
        for (uint32_t n = random_below(60); n > 0; n--) pixels[random_below(SIZE * SIZE)] = random_below(1u << 24);
        if (random_below(4) == 0)
            for (int n = random_in(0, SIZE * SIZE / 2), end = n + random_in(0, SIZE * SIZE / 2); n < end; n++)
                pixels[n] = random_below(1u << 24);
    }
}

static void core_drawing(Drawable to) {
    XPoint points[7];
    for (int n = 0; n < 7; n++) points[n] = (XPoint){(short)coordinate(), (short)coordinate()};
    switch (random_below(16)) {
    case 0: XFillRectangle(display, to, gc, coordinate(), coordinate(), extent(), extent()); break;
    case 1: XDrawRectangle(display, to, gc, coordinate(), coordinate(), extent(), extent()); break;
    case 2: XFillArc(display, to, gc, coordinate(), coordinate(), extent(), extent(), random_in(0, 23040), 9000); break;
    case 3: XDrawArc(display, to, gc, coordinate(), coordinate(), extent(), extent(), random_in(0, 23040), 9000); break;
    case 4: XDrawLines(display, to, gc, points, 7, CoordModeOrigin); break;
    case 5: XFillPolygon(display, to, gc, points, 7, Complex, CoordModeOrigin); break;
    case 6: XDrawPoints(display, to, gc, points, 7, CoordModeOrigin); break;
    case 7: XDrawString(display, to, gc, coordinate(), coordinate(), "the quick brown fox", 19); break;
    case 8: XDrawImageString(display, to, gc, coordinate(), coordinate(), "jumps over", 10); break;
    case 9:
        XPutImage(display, to, gc, plain, random_in(0, 100), random_in(0, 100), coordinate(), coordinate(),
            (unsigned)random_in(1, SIZE - 100), (unsigned)random_in(1, SIZE - 100));
        break;
    case 10:
        XShmPutImage(display, to, gc, shared, random_in(0, 100), random_in(0, 100), coordinate(), coordinate(),
            (unsigned)random_in(1, SIZE - 100), (unsigned)random_in(1, SIZE - 100), False);
        break;
    case 11: XShmPutImage(display, to, gc, shared, 0, 0, coordinate(), coordinate(), SIZE, SIZE, False); break;
    case 12:
    case 13:
    case 14: putting_again(to); break;
    default: XCopyPlane(display, bitmap, to, gc, 0, 0, extent(), extent(), coordinate(), coordinate(), 1); break;
    }
}

static void copying(Window to) {
    Drawable from = random_below(3) ? windows[random_below(WINDOWS)] : pixmap;
    XCopyArea(display, random_below(2) ? to : from, to, gc, coordinate(), coordinate(), extent(), extent(), coordinate(),
        coordinate());
}

static void rendering(Picture to) {
    XRenderColor colour = {(unsigned short)random_below(65536), (unsigned short)random_below(65536),
        (unsigned short)random_below(65536), (unsigned short)random_below(65536)};
    Picture from = random_below(2) ? gradient : pixmap_picture;
    int operation = random_in(PictOpClear, PictOpAdd);
    switch (random_below(4)) {
    case 0: XRenderFillRectangle(display, operation, to, &colour, coordinate(), coordinate(), extent(), extent()); break;
    case 1: {
        double scale = 0.3 + random_below(100) / 40.0;
        XTransform transform = {{{XDoubleToFixed(scale), XDoubleToFixed(0.2), 0}, {XDoubleToFixed(-0.1),
            XDoubleToFixed(scale), 0}, {0, 0, XDoubleToFixed(1)}}};
        XRenderSetPictureTransform(display, pixmap_picture, &transform);
        XRenderSetPictureFilter(display, pixmap_picture, random_below(2) ? FilterBilinear : FilterNearest, NULL, 0);
        XRenderComposite(display, operation, from, None, to, coordinate(), coordinate(), 0, 0, coordinate(), coordinate(),
            extent(), extent());
        break;
    }
    case 2: {
        XTrapezoid trapezoid = {XDoubleToFixed(coordinate() / 2), XDoubleToFixed(SIZE - random_below(60)),
            {{XDoubleToFixed(random_in(0, 60)), 0}, {XDoubleToFixed(random_in(0, 60)), XDoubleToFixed(SIZE)}},
            {{XDoubleToFixed(random_in(90, 200)), 0}, {XDoubleToFixed(random_in(90, 200)), XDoubleToFixed(SIZE)}}};
        XRenderCompositeTrapezoids(display, PictOpOver, gradient, to, NULL, 0, 0, &trapezoid, 1);
        break;
    }
    default: XRenderComposite(display, operation, from, gradient, to, 0, 0, 0, 0, coordinate(), coordinate(), extent(), extent());
    }
}

static void windowing(Window window) {
    static int redirected;
    switch (random_below(all ? 10 : 9)) {
    case 0: XUnmapWindow(display, window); break;
    case 1: XMapWindow(display, window); break;
    case 2: XMoveWindow(display, window, random_in(-60, 500), random_in(-60, 400)); break;
    case 3: XResizeWindow(display, window, extent(), extent()); break;
    case 4: XRaiseWindow(display, window); break;
    case 5: XLowerWindow(display, window); break;
    case 6: XSetWindowBackgroundPixmap(display, window, pixmap); break;
    case 7: XClearArea(display, window, coordinate(), coordinate(), extent(), extent(), False); break;
    case 8:
        XShapeCombineMask(display, window, ShapeBounding, random_in(-20, 20), random_in(-20, 20),
            random_below(2) ? bitmap : None, ShapeSet);
        break;
    default:
        if (redirected)
            XCompositeUnredirectSubwindows(display, root, CompositeRedirectAutomatic);
        else
            XCompositeRedirectSubwindows(display, root, CompositeRedirectAutomatic);
        redirected = !redirected;
    }
}

int main(int count, char **arguments) {
    if (count < 3) die("usage: draw SEED STEPS [all]");
    all = count > 3;
    random_state = strtoull(arguments[1], NULL, 10) * 2654435761u + 1;
    int steps = atoi(arguments[2]);
    open_display();
    make_everything();
    for (int n = 0; n < steps; n++) {
        for (int operation = random_in(1, 12); operation > 0; operation--) {
            uint32_t which = random_below(WINDOWS);
            random_gc();
            switch (random_below(8)) {
            case 0: windowing(windows[which]); break;
            case 1:
            case 2: copying(windows[which]); break;
            case 3:
            case 4: rendering(pictures[which]); break;
            default: core_drawing(random_below(8) ? windows[which] : root); break;
            }
        }
        settle(); // windows that are redirected are drawn into the screen when the server goes to sleep
        char said[64];
        snprintf(said, sizeof said, "%016llx", (unsigned long long)screen_hash());
        if (!step(said)) break;
    }
    return 0;
}
