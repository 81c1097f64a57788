// What is to be seen, and what changes when a key is pressed.

#include "load.h"

#include <X11/XKBlib.h>
#include <X11/extensions/XTest.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "DisplayABI.h"

/// Where `keys` paints, and `press` looks.
#define SQUARE 64

struct count {
    unsigned numbers, last;
    bool any;
};

static void see(struct count *count, unsigned number)
{
    if (count->any && number == count->last)
        return;
    count->any = true;
    count->last = number;
    count->numbers++;
}

/// Between two looks: four or more in each frame of 60 a second.
#define LOOK_NS 3000000

void watch(int width, int seconds)
{
    XShmSegmentInfo *segment = attach((size_t)width * 4);
    XImage *line = XShmCreateImage(display, DefaultVisual(display, screen), (unsigned)DefaultDepth(display, screen),
        ZPixmap, segment->shmaddr, segment, (unsigned)width, 1);
    struct count count = {0};
    int field = width / BITS;
    for (uint64_t end = now_ns() + (uint64_t)seconds * 1000000000; now_ns() < end;) {
        XShmGetImage(display, DefaultRootWindow(display), line, 0, LINES / 2, AllPlanes);
        const uint32_t *pixels = (const uint32_t *)line->data;
        unsigned number = 0;
        bool clear = true;
        for (int bit = 0; bit < BITS; bit++) {
            unsigned green = pixels[bit * field + field / 2] >> 8 & 255;
            clear &= green < 64 || green > 192;
            number |= (unsigned)(green > 192) << bit;
        }
        if (clear)
            see(&count, number);
        sleep_ns(LOOK_NS);
    }
    printf("saw %u\n", count.numbers);
}

void watch_video(const char *path, int seconds)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    const unsigned char *memory =
        file < 0 ? MAP_FAILED : mmap(NULL, DISPLAY_OBJECT_BYTES, PROT_READ, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED)
        die("cannot map %s: %s", path, strerror(errno));
    const struct display_object *object = (const struct display_object *)memory;
    struct count count = {0};
    for (uint64_t end = now_ns() + (uint64_t)seconds * 1000000000; now_ns() < end; sleep_ns(LOOK_NS))
        for (uint32_t port = 0; port < DISPLAY_VIDEO_PORTS; port++) {
            struct display_video video = {0};
            if (!display_read_video(object, port, &video) || !display_video_is_valid(&video))
                continue;
            const unsigned char *line = memory + display_video_offset(port, video.buffer) + video.offsets[0] +
                                        LINES / 2 * video.pitches[0];
            unsigned number = 0;
            for (unsigned bit = 0; bit < BITS; bit++)
                number |= (unsigned)(line[bit * (video.width / BITS) + video.width / BITS / 2] > 128) << bit;
            if (display_buffer_is_intact(object, port, &video))
                see(&count, number);
        }
    printf("saw %u\n", count.numbers);
}

static uint32_t pixel(XImage *image, int x, int y)
{
    XShmGetImage(display, DefaultRootWindow(display), image, x, y, AllPlanes);
    return *(const uint32_t *)image->data & 0xffffff;
}

static XImage *one_pixel(void)
{
    XShmSegmentInfo *segment = attach(64);
    return XShmCreateImage(display, DefaultVisual(display, screen), (unsigned)DefaultDepth(display, screen), ZPixmap,
        segment->shmaddr, segment, 1, 1);
}

void keys(void)
{
    Window window = make_window(SQUARE, SQUARE);
    GC gc = XCreateGC(display, window, 0, NULL);
    XSetInputFocus(display, window, RevertToParent, CurrentTime);
    XSync(display, False);
    printf("ready\n");
    fflush(stdout);
    for (bool white = true;; white = !white) {
        XEvent event;
        do
            XNextEvent(display, &event);
        while (event.type != KeyPress);
        XSetForeground(display, gc, white ? 0xffffff : 0);
        XFillRectangle(display, window, gc, 0, 0, SQUARE, SQUARE);
        XFlush(display);
    }
}

void press(int count)
{
    XImage *image = one_pixel();
    KeyCode key = XKeysymToKeycode(display, XK_space);
    srandom(1);
    for (int n = 0; n < count; n++) {
        // In no step with anybody's clock.
        sleep_ns(60000000 + (uint64_t)random() % 40000000);
        uint32_t before = pixel(image, SQUARE / 2, SQUARE / 2);
        uint64_t begin = now_ns();
        XTestFakeKeyEvent(display, key, True, CurrentTime);
        XFlush(display);
        uint64_t end;
        do {
            sleep_ns(50000);
            end = now_ns();
        } while (pixel(image, SQUARE / 2, SQUARE / 2) == before && end - begin < 2000000000);
        if (end - begin >= 2000000000)
            die("the square does not change");
        printf("%.3f\n", (double)(end - begin) / 1e6);
        XTestFakeKeyEvent(display, key, False, CurrentTime);
        XFlush(display);
    }
}

void wait_for_colour(int x, int y, uint32_t wanted)
{
    XImage *image = one_pixel();
    uint64_t end = now_ns() + 20000000000;
    while (pixel(image, x, y) != wanted) {
        if (now_ns() > end)
            die("the pixel is %06x", pixel(image, x, y));
        sleep_ns(500000);
    }
    printf("%llu\n", (unsigned long long)now_ns());
}
