// What the tests' X clients share: a display, steps in lockstep with the test, random numbers that are the same each run.
#ifndef CLIENT_H
#define CLIENT_H

#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static Display *display;
static Window root;

static inline void die(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static inline void open_display(void) {
    display = XOpenDisplay(NULL);
    if (!display) die("cannot open the display");
    root = DefaultRootWindow(display);
}

/// Returns when the server has done everything so far, and has gone to sleep (and published damage) in between: it reads
/// the second request only after that.
static inline void settle(void) {
    XSync(display, False);
    XSync(display, False);
}

/// Tells the test what was done, and waits for its word to go on. False when there is none.
static inline int step(const char *said) {
    char line[256];
    settle();
    printf("%s\n", said);
    fflush(stdout);
    return fgets(line, sizeof line, stdin) != NULL;
}

static uint64_t random_state = 1;

static inline uint32_t random_below(uint32_t limit) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 16) % (limit ? limit : 1));
}

static inline int random_in(int low, int high) { return low + (int)random_below((uint32_t)(high - low + 1)); }

/// FNV-1a of the root window's pixels, without the byte that means nothing.
static inline uint64_t screen_hash(void) {
    XWindowAttributes attributes;
    XGetWindowAttributes(display, root, &attributes);
    XImage *image = XGetImage(
        display, root, 0, 0, (unsigned)attributes.width, (unsigned)attributes.height, AllPlanes, ZPixmap);
    if (!image) die("no image of the root window");
    uint64_t hash = 14695981039346656037u;
    for (int y = 0; y < image->height; y++) {
        const uint32_t *line = (const uint32_t *)(const void *)(image->data + (size_t)y * (size_t)image->bytes_per_line);
        for (int x = 0; x < image->width; x++) hash = (hash ^ (line[x] & 0xffffffu)) * 1099511628211u;
    }
    XDestroyImage(image);
    return hash;
}

#endif
