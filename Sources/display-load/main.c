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

#include "load.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <time.h>

Display *display;
int screen;

_Noreturn void die(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fprintf(stderr, "display-load: ");
    vfprintf(stderr, format, list);
    fprintf(stderr, "\n");
    va_end(list);
    exit(1);
}

uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

void sleep_until(uint64_t nanoseconds)
{
    struct timespec time = {.tv_sec = (time_t)(nanoseconds / 1000000000), .tv_nsec = (long)(nanoseconds % 1000000000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR) {
    }
}

void sleep_ns(uint64_t nanoseconds)
{
    sleep_until(now_ns() + nanoseconds);
}

Window make_window(int width, int height)
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

XShmSegmentInfo *attach(size_t bytes)
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
        show_film(strcmp(words[2], "xv") == 0, number(words[3]), number(words[4]), number(words[5]), number(words[6]), words[7]);
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
