// What the parts of display-load have in common.

#ifndef LOAD_H
#define LOAD_H

#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <X11/extensions/XShm.h>
#include <stdbool.h>
#include <stdint.h>

/// Fields of a frame's number, and the lines that they take.
#define BITS 16
#define LINES 16

extern Display *display;
extern int screen;

__attribute__((format(printf, 1, 2))) _Noreturn void die(const char *format, ...);

/// CLOCK_MONOTONIC.
uint64_t now_ns(void);
void sleep_until(uint64_t nanoseconds);
void sleep_ns(uint64_t nanoseconds);

/// In the screen's upper left corner, known to no window manager; mapped.
Window make_window(int width, int height);

/// Memory that the server has, too.
XShmSegmentInfo *attach(size_t bytes);

// film.c

void show_film(bool is_video, int width, int height, int rate, int seconds, const char *file);

// look.c

void watch(int width, int seconds);
void watch_video(const char *object, int seconds);
void wait_for_colour(int x, int y, uint32_t wanted);
void keys(void);
void press(int count);

#endif
