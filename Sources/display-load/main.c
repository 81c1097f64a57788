// display-load: what bench-display shows on one X server and looks for on another. The server is $DISPLAY's.
//
//   film xv|rgb WIDTH HEIGHT RATE SECONDS FILE   shows the I420 frames of a file over and over, each with its number
//   watch WIDTH SECONDS                          counts the numbers that come by on the screen
//   watch-video OBJECT SECONDS                   the same in the frames that a driver of ours was given by XVideo
//   keys                                         changes a square's colour at every key press
//   press COUNT                                  presses a key so often, and waits each time for the square to change
//   colour X Y RRGGBB                            waits until a pixel has that colour
//
// A number is 16 fields of the topmost 16 lines, the lowest bit leftmost, white for 1.

#include <X11/XKBlib.h>
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <X11/extensions/XShm.h>
#include <X11/extensions/XTest.h>
#include <X11/extensions/Xvlib.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "DisplayABI.h"

#define BITS 16
#define LINES 16
#define BUFFERS 3
#define I420 0x30323449

/// Where `keys` paints, and `press` looks.
#define SQUARE 64

static Display *display;
static int screen;

__attribute__((format(printf, 1, 2))) static _Noreturn void die(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fprintf(stderr, "display-load: ");
    vfprintf(stderr, format, list);
    fprintf(stderr, "\n");
    va_end(list);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void sleep_until(uint64_t nanoseconds)
{
    struct timespec time = {.tv_sec = (time_t)(nanoseconds / 1000000000), .tv_nsec = (long)(nanoseconds % 1000000000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR) {
    }
}

static void sleep_ns(uint64_t nanoseconds)
{
    sleep_until(now_ns() + nanoseconds);
}

static Window make_window(int width, int height)
{
    XSetWindowAttributes attributes = {
        .override_redirect = True,
        .background_pixel = 0,
        .event_mask = KeyPressMask | StructureNotifyMask,
    };
    Window window = XCreateWindow(display, DefaultRootWindow(display), 0, 0, (unsigned)width, (unsigned)height, 0,
        CopyFromParent, InputOutput, CopyFromParent, CWOverrideRedirect | CWBackPixel | CWEventMask, &attributes);
    XMapRaised(display, window);
    XEvent event;
    do
        XNextEvent(display, &event);
    while (event.type != MapNotify);
    return window;
}

static XShmSegmentInfo *attach(size_t bytes)
{
    XShmSegmentInfo *segment = calloc(1, sizeof *segment);
    if (segment == NULL)
        die("no memory");
    segment->shmid = shmget(IPC_PRIVATE, bytes, IPC_CREAT | 0666);
    segment->shmaddr = shmat(segment->shmid, NULL, 0);
    if (segment->shmid < 0 || segment->shmaddr == (void *)-1)
        die("no shared memory of %zu bytes: %s", bytes, strerror(errno));
    segment->readOnly = False;
    XShmAttach(display, segment);
    XSync(display, False);
    shmctl(segment->shmid, IPC_RMID, NULL);
    return segment;
}

// A film.

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

// What is to be seen.

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

static void watch(int width, int seconds)
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

static void watch_video(const char *path, int seconds)
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

static void keys(void)
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

static void press(int count)
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

static void wait_for_colour(int x, int y, uint32_t wanted)
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

static int number(const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value < 0 || value > 1000000)
        die("%s is no number", text);
    return (int)value;
}

int main(int count, char **words)
{
    const char *verb = count > 1 ? words[1] : "";
    if (strcmp(verb, "watch-video") == 0 && count == 4) {
        watch_video(words[2], number(words[3]));
        return 0;
    }
    display = XOpenDisplay(NULL);
    if (display == NULL)
        die("no X server at %s", XDisplayName(NULL));
    screen = DefaultScreen(display);
    if (strcmp(verb, "film") == 0 && count == 8) {
        struct film film = {
            .is_video = strcmp(words[2], "xv") == 0, .width = number(words[3]), .height = number(words[4])};
        load(&film, words[7]);
        make_buffers(&film);
        play(&film, number(words[5]), number(words[6]));
    } else if (strcmp(verb, "watch") == 0 && count == 4) {
        watch(number(words[2]), number(words[3]));
    } else if (strcmp(verb, "keys") == 0 && count == 2) {
        keys();
    } else if (strcmp(verb, "press") == 0 && count == 3) {
        press(number(words[2]));
    } else if (strcmp(verb, "colour") == 0 && count == 5) {
        wait_for_colour(number(words[2]), number(words[3]), (uint32_t)strtoul(words[4], NULL, 16));
    } else {
        die("used wrongly");
    }
    return 0;
}
