// How what DisplayABI.h lays out is read and written: records under their sequence counts, rings, futexes, and the checks
// that a copy has to pass before it is used. Part of the contract, and included by DisplayABI.h only.
#ifndef DISPLAY_ACCESS_H
#define DISPLAY_ACCESS_H

#include "DisplayABI.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/// Whether a driver that speaks this version made the object. The file is at least DISPLAY_CONTROL_BYTES long.
static inline int display_object_is_known(const struct display_object *object) {
    return __atomic_load_n(&object->server.magic, __ATOMIC_ACQUIRE) == DISPLAY_ABI_MAGIC &&
           __atomic_load_n(&object->server.version, __ATOMIC_RELAXED) == DISPLAY_ABI_VERSION &&
           __atomic_load_n(&object->server.object_bytes, __ATOMIC_RELAXED) == DISPLAY_OBJECT_BYTES;
}

/// The version of the driver that made the object which begins with these two words, a known one or not; 0 if none did.
static inline uint32_t display_version_in(const uint32_t *head) { return head[0] == DISPLAY_ABI_MAGIC ? head[1] : 0; }
_Static_assert(__builtin_offsetof(struct display_object, server.magic) == 0, "display_version_in");
_Static_assert(__builtin_offsetof(struct display_object, server.version) == 4, "display_version_in");

/// A viewer slot, 0...DISPLAY_VIEWERS - 1, and what the driver tells it.
static inline struct display_viewer *display_viewer_at(struct display_object *object, uint32_t slot) {
    return &object->viewers[slot % DISPLAY_VIEWERS];
}
static inline const struct display_echo *display_echo_at(const struct display_object *object, uint32_t slot) {
    return &object->server.echoes[slot % DISPLAY_VIEWERS];
}

/// A word that stands for itself: heartbeats, serials, flags, futexes.
static inline uint32_t display_load(const uint32_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
static inline void display_store(uint32_t *word, uint32_t value) { __atomic_store_n(word, value, __ATOMIC_RELEASE); }

// For Swift, which does not see into structs that are aligned beyond 16 bytes. Pointers into the object, or words of it.
static inline uint32_t *display_published(struct display_object *object) { return &object->server.published; }
static inline uint32_t *display_doorbell(struct display_object *object) { return &object->doorbell; }
static inline uint32_t *display_clipboard_doorbell(struct display_object *object) {
    return &object->clipboard_doorbell;
}
static inline struct display_damage *display_damage_of(struct display_object *object) { return &object->damage; }
static inline uint32_t display_magic(const struct display_object *object) { return display_load(&object->server.magic); }
static inline uint32_t display_version(const struct display_object *object) {
    return display_load(&object->server.version);
}
static inline uint64_t display_features(const struct display_object *object) {
    return __atomic_load_n(&object->server.features, __ATOMIC_RELAXED);
}
static inline uint64_t display_epoch(const struct display_object *object) {
    return __atomic_load_n(&object->server.epoch, __ATOMIC_ACQUIRE);
}
static inline uint32_t display_state_of(const struct display_object *object) {
    return display_load(&object->server.state);
}
static inline uint32_t display_leds(const struct display_object *object) { return display_load(&object->server.leds); }
static inline uint32_t display_bells(const struct display_object *object) { return display_load(&object->server.bells); }
static inline uint32_t display_warps(const struct display_object *object) { return display_load(&object->server.warps); }
static inline int32_t display_pointer_x(const struct display_object *object) {
    return (int32_t)(uint32_t)__atomic_load_n(&object->server.pointer, __ATOMIC_RELAXED);
}
static inline int32_t display_pointer_y(const struct display_object *object) {
    return (int32_t)(uint32_t)(__atomic_load_n(&object->server.pointer, __ATOMIC_RELAXED) >> 32);
}
static inline uint32_t *display_viewer_owner(struct display_viewer *viewer) { return &viewer->owner; }
static inline uint32_t *display_viewer_heartbeat(struct display_viewer *viewer) { return &viewer->heartbeat; }
static inline uint32_t *display_viewer_flags(struct display_viewer *viewer) { return &viewer->flags; }
static inline uint32_t *display_viewer_refresh(struct display_viewer *viewer) { return &viewer->refresh_mhz; }
static inline uint32_t *display_viewer_hold(struct display_viewer *viewer, uint32_t port) {
    return &viewer->holds[port % DISPLAY_VIDEO_PORTS];
}
static inline uint32_t *display_viewer_head(struct display_viewer *viewer) { return &viewer->head; }
static inline struct display_event *display_viewer_events(struct display_viewer *viewer) { return viewer->events; }
/// 64 bytes.
static inline char *display_viewer_label(struct display_viewer *viewer) { return viewer->label; }
/// The text of `bytes` bytes lies at display_keymap_offset by now. Another may be written when it was echoed.
static inline void display_viewer_push_keymap(
    struct display_viewer *viewer, uint32_t owner, uint32_t serial, uint32_t bytes) {
    display_store(&viewer->keymap, 0);
    __atomic_store_n(&viewer->keymap_owner, owner, __ATOMIC_RELAXED);
    __atomic_store_n(&viewer->keymap_bytes, bytes, __ATOMIC_RELAXED);
    display_store(&viewer->keymap, serial);
}

/// Makes the record's count odd: readers wait, or give up. One writer.
static inline void display_sequence_begin(uint32_t *sequence) {
    uint32_t odd = __atomic_load_n(sequence, __ATOMIC_RELAXED) | 1u; // a writer that was killed may have left it odd
    __atomic_store_n(sequence, odd, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline void display_sequence_end(uint32_t *sequence) {
    uint32_t odd = __atomic_load_n(sequence, __ATOMIC_RELAXED) | 1u;
    __atomic_store_n(sequence, odd + 1u, __ATOMIC_RELEASE);
}

/// Writes `bytes` (a multiple of 4) as a record.
static inline void display_record_write(uint32_t *sequence, void *record, const void *from, uint32_t bytes) {
    display_sequence_begin(sequence);
    for (uint32_t n = 0; n < bytes / 4; n++)
        __atomic_store_n((uint32_t *)record + n, ((const uint32_t *)from)[n], __ATOMIC_RELAXED);
    display_sequence_end(sequence);
}

/// The record as a whole, and in `*seen` (may be NULL) its count; 0 when its writer was in the middle of it every time (or
/// died there, or plays tricks): the reader goes on with what it knew, and looks again when it is next woken.
static inline int display_record_read(
    const uint32_t *sequence, const void *record, void *to, uint32_t bytes, uint32_t *seen) {
    for (int tries = 0; tries < 64; tries++) {
        uint32_t before = __atomic_load_n(sequence, __ATOMIC_ACQUIRE);
        if (before & 1u) continue;
        for (uint32_t n = 0; n < bytes / 4; n++)
            ((uint32_t *)to)[n] = __atomic_load_n((const uint32_t *)record + n, __ATOMIC_RELAXED);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (__atomic_load_n(sequence, __ATOMIC_RELAXED) != before) continue;
        if (seen) *seen = before;
        return 1;
    }
    return 0;
}

static inline int display_read_screen(const struct display_object *object, struct display_screen *screen, uint32_t *seen) {
    return display_record_read(&object->screen_sequence, &object->screen, screen, sizeof *screen, seen);
}

/// The shape; and if `pixels` (DISPLAY_CURSOR_BYTES) is not NULL, the image that belongs to it, from `area`: the object's
/// memory at DISPLAY_CURSOR_OFFSET. 0 also when the shape is not valid.
static inline int display_read_cursor(
    const struct display_object *object, const uint32_t *area, struct display_cursor *cursor, uint32_t *pixels) {
    for (int tries = 0; tries < 16; tries++) {
        uint32_t before;
        if (!display_record_read(&object->cursor_sequence, &object->cursor, cursor, sizeof *cursor, &before)) return 0;
        if (cursor->width > DISPLAY_MAX_CURSOR || cursor->height > DISPLAY_MAX_CURSOR) return 0;
        if (cursor->visible > 1u || cursor->hot_x > cursor->width || cursor->hot_y > cursor->height) return 0;
        if (!pixels) return 1;
        for (uint32_t n = 0; n < cursor->width * cursor->height; n++)
            pixels[n] = __atomic_load_n(area + n, __ATOMIC_RELAXED);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (__atomic_load_n(&object->cursor_sequence, __ATOMIC_RELAXED) == before) return 1;
    }
    return 0;
}

static inline int display_read_video(const struct display_object *object, uint32_t port, struct display_video *video) {
    if (port >= DISPLAY_VIDEO_PORTS) return 0;
    const struct display_video_port *from = &object->ports[port];
    return display_record_read(&from->sequence, &from->video, video, sizeof *video, NULL);
}

/// Whether what lay in the buffer when the record was written is still there. Called after the pixels were read.
static inline int display_buffer_is_intact(
    const struct display_object *object, uint32_t port, const struct display_video *video) {
    if (port >= DISPLAY_VIDEO_PORTS || video->buffer >= DISPLAY_VIDEO_BUFFERS) return 0;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(&object->buffer_sequences[port][video->buffer], __ATOMIC_RELAXED) == video->buffer_sequence;
}

static inline int display_read_pod_clipboard(const struct display_object *object, struct display_clipboard *clipboard) {
    return display_record_read(
        &object->clipboard_sequence, &object->clipboard, clipboard, sizeof *clipboard, NULL);
}

/// Whether every pixel that the copy speaks of lies in the object's frame buffer area.
static inline int display_screen_is_valid(const struct display_screen *screen) {
    if (screen->width < 1 || screen->width > DISPLAY_MAX_EXTENT) return 0;
    if (screen->height < 1 || screen->height > DISPLAY_MAX_EXTENT) return 0;
    if (screen->format != DISPLAY_XRGB8888) return 0;
    if (screen->stride % 64 || screen->stride < screen->width * 4 || screen->stride > DISPLAY_MAX_EXTENT * 4) return 0;
    if (screen->bytes != (uint64_t)screen->stride * screen->height) return 0;
    if (screen->offset % DISPLAY_PAGE || screen->offset < DISPLAY_FRAME_OFFSET) return 0;
    if (screen->offset > DISPLAY_OBJECT_BYTES || screen->bytes > DISPLAY_OBJECT_BYTES - screen->offset) return 0;
    if (screen->output_count > DISPLAY_OUTPUTS) return 0;
    for (uint32_t n = 0; n < screen->output_count; n++) {
        const struct display_output *output = &screen->outputs[n];
        if (output->x < 0 || output->y < 0) return 0;
        if ((uint32_t)output->x > screen->width || output->width > screen->width - (uint32_t)output->x) return 0;
        if ((uint32_t)output->y > screen->height || output->height > screen->height - (uint32_t)output->y) return 0;
    }
    return 1;
}

/// The planes of a frame: pitches, offsets and the bytes of all of it, as the driver lays them out; 0 for a format or size
/// that there is none of. The width and height are even, 2...DISPLAY_MAX_VIDEO.
static inline uint32_t display_video_planes(
    uint32_t fourcc, uint32_t width, uint32_t height, uint32_t pitches[3], uint32_t offsets[3], uint32_t *planes) {
    if (width < 2 || width > DISPLAY_MAX_VIDEO || width % 2) return 0;
    if (height < 2 || height > DISPLAY_MAX_VIDEO || height % 2) return 0;
    uint32_t luma = (width + 3u) & ~3u, chroma = (width / 2 + 3u) & ~3u;
    for (int n = 0; n < 3; n++) pitches[n] = offsets[n] = 0;
    switch (fourcc) {
    case DISPLAY_I420:
    case DISPLAY_YV12:
        *planes = 3;
        pitches[0] = luma;
        pitches[1] = pitches[2] = chroma;
        offsets[1] = luma * height;
        offsets[2] = offsets[1] + chroma * (height / 2);
        return offsets[2] + chroma * (height / 2);
    case DISPLAY_NV12:
        *planes = 2;
        pitches[0] = pitches[1] = luma;
        offsets[1] = luma * height;
        return offsets[1] + luma * (height / 2);
    case DISPLAY_YUY2:
        *planes = 1;
        pitches[0] = width * 2;
        return width * 2 * height;
    default:
        return 0;
    }
}

/// Whether the copy is a frame that lies in its buffer, shown somewhere sensible. A record with `frame` 0 is not.
static inline int display_video_is_valid(const struct display_video *video) {
    uint32_t pitches[3], offsets[3], planes;
    if (video->frame == 0 || video->buffer >= DISPLAY_VIDEO_BUFFERS || video->buffer_sequence % 2) return 0;
    uint32_t bytes = display_video_planes(video->fourcc, video->width, video->height, pitches, offsets, &planes);
    if (bytes == 0 || video->bytes != bytes || video->planes != planes) return 0;
    for (int n = 0; n < 3; n++)
        if (video->pitches[n] != pitches[n] || video->offsets[n] != offsets[n]) return 0;
    if (video->matrix > DISPLAY_BT709 || video->clip_count > DISPLAY_CLIP_BOXES) return 0;
    if (video->source_width < 1 || video->source_x >= video->width) return 0;
    if (video->source_width > video->width - video->source_x) return 0;
    if (video->source_height < 1 || video->source_y >= video->height) return 0;
    if (video->source_height > video->height - video->source_y) return 0;
    const struct display_rectangle *target = &video->target;
    const int32_t limit = 65536; // X's coordinates
    if (target->x1 < -limit || target->y1 < -limit || target->x2 > limit || target->y2 > limit) return 0;
    return target->x1 < target->x2 && target->y1 < target->y2;
}

/// A viewer's. Asks for another layout.
static inline void display_write_layout(struct display_viewer *viewer, const struct display_layout *layout) {
    display_record_write(&viewer->layout_sequence, &viewer->layout, layout, sizeof *layout);
}
/// A viewer's. Says another thing of the clipboard.
static inline void display_write_clipboard(struct display_viewer *viewer, const struct display_clipboard *clipboard) {
    display_record_write(&viewer->clipboard_sequence, &viewer->clipboard, clipboard, sizeof *clipboard);
}

/// The driver's. Says another cursor, whose image lies in its area.
static inline void display_write_cursor(struct display_object *object, const struct display_cursor *cursor) {
    display_record_write(&object->cursor_sequence, &object->cursor, cursor, sizeof *cursor);
}

/// The driver's. Appends boxes, at most DISPLAY_DAMAGE_BOXES.
static inline void display_damage_append(struct display_damage *damage, const display_box *boxes, uint32_t count) {
    uint64_t position = __atomic_load_n(&damage->published, __ATOMIC_RELAXED);
    __atomic_store_n(&damage->claimed, position + count, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    for (uint32_t n = 0; n < count; n++)
        __atomic_store_n(&damage->boxes[(position + n) % DISPLAY_DAMAGE_BOXES], boxes[n], __ATOMIC_RELAXED);
    __atomic_store_n(&damage->published, position + count, __ATOMIC_RELEASE);
}

/// A reader's. Copies what came since `*position`, at most DISPLAY_DAMAGE_BOXES boxes, and moves `*position` on. -1 when
/// boxes were lost (everything is to be drawn), else how many. To begin, or begin anew: *position = UINT64_MAX.
static inline int display_damage_read(
    const struct display_damage *damage, uint64_t *position, display_box boxes[DISPLAY_DAMAGE_BOXES]) {
    uint64_t published = __atomic_load_n(&damage->published, __ATOMIC_ACQUIRE);
    uint64_t from = *position;
    *position = published;
    if (from == UINT64_MAX || published - from > DISPLAY_DAMAGE_BOXES) return -1;
    uint32_t count = (uint32_t)(published - from);
    for (uint32_t n = 0; n < count; n++)
        boxes[n] = __atomic_load_n(&damage->boxes[(from + n) % DISPLAY_DAMAGE_BOXES], __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    // What was claimed since may lie over what was just copied.
    if (__atomic_load_n(&damage->claimed, __ATOMIC_RELAXED) - from > DISPLAY_DAMAGE_BOXES) return -1;
    return (int)count;
}

/// A viewer's. Appends an event if there is room; the doorbell is rung afterwards, once for several.
static inline int display_input_append(
    struct display_viewer *viewer, const struct display_echo *echo, const struct display_event *event) {
    uint32_t head = __atomic_load_n(&viewer->head, __ATOMIC_RELAXED);
    if (head - __atomic_load_n(&echo->taken, __ATOMIC_ACQUIRE) >= DISPLAY_INPUT_EVENTS) return 0;
    viewer->events[head % DISPLAY_INPUT_EVENTS] = *event;
    __atomic_store_n(&viewer->head, head + 1u, __ATOMIC_RELEASE);
    return 1;
}

/// Takes a free slot for `owner`, a random number that is not 0. 0 when another was faster, or the slot is not free.
static inline int display_viewer_claim(struct display_viewer *viewer, uint32_t owner) {
    uint32_t none = 0;
    return __atomic_compare_exchange_n(&viewer->owner, &none, owner, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/// Gives the slot back. 0 when it was no longer `owner`'s.
static inline int display_viewer_release(struct display_viewer *viewer, uint32_t owner) {
    return __atomic_compare_exchange_n(&viewer->owner, &owner, 0, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/// Wakes all who wait at the futex word, without counting it up: they see nothing new.
static inline void display_wake(uint32_t *word) {
    // Not FUTEX_PRIVATE_FLAG: the waiter may be another process, which has mapped the same file.
    syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

/// Counts a futex word up and wakes everybody who waits on it. Any number of writers.
static inline void display_ring(uint32_t *word) {
    __atomic_fetch_add(word, 1u, __ATOMIC_SEQ_CST);
    display_wake(word);
}

/// Waits until the futex word is no longer `seen`, for at most `milliseconds` (negative: for ever). Returns 0 when it is,
/// or may be; else ETIMEDOUT or EINTR. Look at the word, then at what it speaks of, then wait for another.
static inline int display_wait(const uint32_t *word, uint32_t seen, int milliseconds) {
    struct timespec timeout = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L};
    if (__atomic_load_n(word, __ATOMIC_ACQUIRE) != seen) return 0;
    long result = syscall(SYS_futex, word, FUTEX_WAIT, seen, milliseconds < 0 ? NULL : &timeout, NULL, 0);
    return result == 0 || errno == EAGAIN ? 0 : errno;
}

#endif
