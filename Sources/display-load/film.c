// A film, each frame with its number.

#include "load.h"

#include <X11/extensions/Xvlib.h>
#include <fcntl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define BUFFERS 3
#define I420 0x30323449

struct film {
    int width, height;
    bool is_video;
    size_t frame_bytes; // of one in a buffer
    size_t count;
    unsigned char *frames;

    XvPortID port;
    Window window;
    GC gc;
    XShmSegmentInfo *segments[BUFFERS];
    XImage *images[BUFFERS];
    XvImage *videos[BUFFERS];
    bool busy[BUFFERS];
};

static int clamp(int value)
{
    return value < 0 ? 0 : value > 255 ? 255 : value;
}

/// ITU-R BT.601, video range, to 0x00RRGGBB.
static void convert(const unsigned char *from, uint32_t *to, int width, int height)
{
    const unsigned char *u = from + width * height, *v = u + width * height / 4;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            int c = 298 * (from[y * width + x] - 16), at = y / 2 * (width / 2) + x / 2, d = u[at] - 128, e = v[at] - 128;
            int red = clamp((c + 409 * e + 128) >> 8), green = clamp((c - 100 * d - 208 * e + 128) >> 8);
            to[y * width + x] = (uint32_t)(red << 16 | green << 8 | clamp((c + 516 * d + 128) >> 8));
        }
}

static void load(struct film *film, const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (file < 0 || fstat(file, &status) < 0)
        die("cannot open %s: %s", path, strerror(errno));
    size_t bytes = (size_t)film->width * (size_t)film->height * 3 / 2;
    film->count = (size_t)status.st_size / bytes;
    if (film->count == 0)
        die("%s has no frame of %dx%d", path, film->width, film->height);
    unsigned char *all = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    if (all == MAP_FAILED)
        die("cannot map %s: %s", path, strerror(errno));
    if (film->is_video) {
        film->frames = all;
        film->frame_bytes = bytes;
        return;
    }
    film->frame_bytes = (size_t)film->width * (size_t)film->height * 4;
    film->frames = malloc(film->frame_bytes * film->count);
    if (film->frames == NULL)
        die("no memory for %zu frames", film->count);
    for (size_t n = 0; n < film->count; n++)
        convert(all + n * bytes, (uint32_t *)(film->frames + n * film->frame_bytes), film->width, film->height);
    munmap(all, (size_t)status.st_size);
}

static XvPortID grab_port(void)
{
    XvAdaptorInfo *adaptors;
    unsigned count = 0;
    if (XvQueryAdaptors(display, DefaultRootWindow(display), &count, &adaptors) != Success || count == 0)
        die("this X server has no XVideo");
    XvPortID port = adaptors[0].base_id;
    if (XvGrabPort(display, port, CurrentTime) != Success)
        die("its XVideo port is not free");
    return port;
}

static void make_buffers(struct film *film)
{
    film->window = make_window(film->width, film->height);
    film->gc = XCreateGC(display, film->window, 0, NULL);
    if (film->is_video)
        film->port = grab_port();
    for (int n = 0; n < BUFFERS; n++) {
        film->segments[n] = attach(film->frame_bytes);
        if (film->is_video) {
            film->videos[n] = XvShmCreateImage(
                display, film->port, I420, film->segments[n]->shmaddr, film->width, film->height, film->segments[n]);
            if (film->videos[n] == NULL || (size_t)film->videos[n]->data_size != film->frame_bytes)
                die("its XVideo pads frames");
        } else {
            film->images[n] = XShmCreateImage(display, DefaultVisual(display, screen),
                (unsigned)DefaultDepth(display, screen), ZPixmap, film->segments[n]->shmaddr, film->segments[n],
                (unsigned)film->width, (unsigned)film->height);
        }
    }
}

/// Writes `number` into a frame.
static void stamp(const struct film *film, unsigned char *frame, unsigned number)
{
    int field = film->width / BITS;
    for (int y = 0; y < LINES; y++)
        for (int x = 0; x < field * BITS; x++) {
            bool set = number >> (x / field) & 1;
            if (film->is_video)
                frame[y * film->width + x] = set ? 235 : 16;
            else
                ((uint32_t *)frame)[y * film->width + x] = set ? 0xffffff : 0;
        }
}

/// The buffer that the server has read, of which there are enough unless it is slow.
static int free_buffer(struct film *film, int completion)
{
    while (true) {
        while (XPending(display) > 0) {
            XEvent event;
            XNextEvent(display, &event);
            if (event.type != completion)
                continue;
            ShmSeg segment = ((XShmCompletionEvent *)&event)->shmseg;
            for (int n = 0; n < BUFFERS; n++)
                if (film->segments[n]->shmseg == segment)
                    film->busy[n] = false;
        }
        for (int n = 0; n < BUFFERS; n++)
            if (!film->busy[n])
                return n;
        XEvent event;
        XPeekEvent(display, &event);
    }
}

static void play(struct film *film, int rate, int seconds)
{
    int completion = XShmGetEventBase(display) + ShmCompletion;
    uint64_t begin = now_ns() + 100000000;
    unsigned shown = 0, total = (unsigned)(rate * seconds);
    printf("begins\n");
    fflush(stdout);
    for (unsigned number = 0; number < total;) {
        sleep_until(begin + (uint64_t)number * 1000000000 / (unsigned)rate);
        int buffer = free_buffer(film, completion);
        unsigned char *frame = (unsigned char *)film->segments[buffer]->shmaddr;
        memcpy(frame, film->frames + number % film->count * film->frame_bytes, film->frame_bytes);
        stamp(film, frame, number);
        film->busy[buffer] = true;
        unsigned width = (unsigned)film->width, height = (unsigned)film->height;
        if (film->is_video)
            XvShmPutImage(display, film->port, film->window, film->gc, film->videos[buffer], 0, 0, width, height, 0, 0,
                width, height, True);
        else
            XShmPutImage(
                display, film->window, film->gc, film->images[buffer], 0, 0, 0, 0, width, height, True);
        XFlush(display);
        shown++;
        // One whose time is over is not shown any more.
        unsigned due = (unsigned)((now_ns() - begin) * (unsigned)rate / 1000000000);
        number = number + 1 > due ? number + 1 : due;
    }
    XSync(display, False);
    printf("showed %u of %u\n", shown, total);
}

void show_film(bool is_video, int width, int height, int rate, int seconds, const char *file)
{
    struct film film = {.is_video = is_video, .width = width, .height = height};
    load(&film, file);
    make_buffers(&film);
    play(&film, rate, seconds);
}
