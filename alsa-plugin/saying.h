// What a program says to the broker, and how it is told again when there is another one. Between saying.c and link.c only.
#ifndef MEDIAPOD_SAYING_H
#define MEDIAPOD_SAYING_H

#include "link.h"

struct sound_header link_header(enum sound_message_type type, size_t bytes);

/// Makes the link's thread look at what has changed.
void link_poke_thread(struct link *link);

/// Under the lock. False when the socket is full or broken; the thread puts either right.
bool link_send(struct link *link, const void *message, size_t bytes, const int *fds, size_t fd_count);

/// Under the lock. All that a new broker must know of the stream.
void link_tell_everything(struct link *link);

#endif
