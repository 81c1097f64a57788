// A pod's screen by RFB: as much of libvncserver as is needed, whose structs Swift cannot fill in.
#ifndef CVNC_H
#define CVNC_H

#include <stdint.h>

struct cvnc;

struct cvnc_events {
    void *context;
    /// An X keysym.
    void (*key)(void *context, uint32_t keysym, int is_down);
    /// Bit n of `buttons`: button n + 1 is down. Pixels.
    void (*pointer)(void *context, int x, int y, uint32_t buttons);
    /// The last client has gone, or the first has come.
    void (*clients)(void *context, int count);
};

/// Listens on 127.0.0.1. `pixels` are 0x00RRGGBB, lines of `width` pixels, and stay the caller's; `password` counts to its
/// eighth character (VNC authentication). NULL when the port cannot be had.
struct cvnc *cvnc_open(const char *name, int port, const char *password, void *pixels, int width, int height,
                       const struct cvnc_events *events);
/// Another size, in other memory; the old is not read any more.
void cvnc_resize(struct cvnc *vnc, void *pixels, int width, int height);
void cvnc_changed(struct cvnc *vnc, int x1, int y1, int x2, int y2);
/// 0xAARRGGBB, premultiplied, width * height; without pixels no cursor.
void cvnc_cursor(struct cvnc *vnc, const uint32_t *pixels, int width, int height, int hot_x, int hot_y);
/// Deals with the clients, for at most this long, µs.
void cvnc_run(struct cvnc *vnc, long microseconds);
void cvnc_close(struct cvnc *vnc);

#endif
