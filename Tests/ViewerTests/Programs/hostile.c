// A pod that writes nonsense into its display's memory: hostile OBJECT SEED ROUNDS
// Everything it writes is what a program in a pod could: the memory is its own.
#include "DisplayABI.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static uint64_t state;
static uint32_t next(void) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

// What arithmetic stumbles over, as often as what is merely odd.
static uint32_t odd(void) {
    static const uint32_t known[] = {0, 1, 2, 3, 4, 63, 64, 255, 256, 257, 640, 4095, 4096, 16383, 16384, 16385, 32767, 32768,
        65535, 65536, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff, DISPLAY_FRAME_OFFSET, 2560,
        DISPLAY_I420, DISPLAY_YV12, DISPLAY_NV12, DISPLAY_YUY2};
    return next() % 4 ? known[next() % (sizeof known / sizeof *known)] : next();
}

static void scatter(void *record, size_t bytes, unsigned words) {
    while (words--) ((uint32_t *)record)[next() % (bytes / 4)] = odd();
}

// Records that pass every check and still are not true.
static void plausible(struct display_object *object) {
    struct display_screen screen = object->screen;
    screen.width = 1 + next() % (next() % 8 ? 1600 : DISPLAY_MAX_EXTENT);
    screen.height = 1 + next() % (next() % 8 ? 1200 : DISPLAY_MAX_EXTENT);
    screen.stride = (screen.width * 4 + 63) & ~63u;
    screen.bytes = (uint64_t)screen.stride * screen.height;
    screen.offset = DISPLAY_FRAME_OFFSET + (next() % 2 ? (uint64_t)DISPLAY_FRAME_BANK_BYTES : 0);
    screen.format = DISPLAY_XRGB8888;
    screen.serial = next() % 4;
    screen.output_count = 0;
    display_record_write(&object->screen_sequence, &object->screen, &screen, sizeof screen);
    uint32_t port = next() % DISPLAY_VIDEO_PORTS;
    struct display_video video = {0};
    static const uint32_t formats[] = {DISPLAY_I420, DISPLAY_YV12, DISPLAY_NV12, DISPLAY_YUY2};
    video.flags = next() % 2;
    video.buffer = next() % DISPLAY_VIDEO_BUFFERS;
    video.buffer_sequence = object->buffer_sequences[port][video.buffer] & ~1u;
    object->buffer_sequences[port][video.buffer] = video.buffer_sequence;
    video.fourcc = formats[next() % 4];
    video.frame = 1 + next();
    video.placement = next();
    video.width = 2 + next() % 2047 * 2;
    video.height = 2 + next() % 2047 * 2;
    video.bytes =
        display_video_planes(video.fourcc, video.width, video.height, video.pitches, video.offsets, &video.planes);
    video.source_width = 1 + next() % video.width;
    video.source_height = 1 + next() % video.height;
    video.target = (struct display_rectangle){-(int32_t)(next() % 65536), -(int32_t)(next() % 65536),
        1 + (int32_t)(next() % 65535), 1 + (int32_t)(next() % 65535)};
    video.clip_count = next() % (DISPLAY_CLIP_BOXES + 1);
    for (uint32_t n = 0; n < video.clip_count; n++) video.clip[n] = (uint64_t)next() << 32 | next();
    display_record_write(&object->ports[port].sequence, &object->ports[port].video, &video, sizeof video);
    struct display_cursor cursor = {.visible = 1, .width = next() % 257, .height = next() % 257, .serial = next()};
    cursor.hot_x = cursor.width ? next() % (cursor.width + 1) : 0;
    cursor.hot_y = cursor.height ? next() % (cursor.height + 1) : 0;
    display_record_write(&object->cursor_sequence, &object->cursor, &cursor, sizeof cursor);
    display_box boxes[64];
    for (int n = 0; n < 64; n++) boxes[n] = (uint64_t)next() << 32 | next();
    display_damage_append(&object->damage, boxes, next() % 65);
    struct display_clipboard clipboard = object->clipboard;
    scatter(&clipboard, sizeof clipboard, 6);
    clipboard.owner = 1;
    for (int n = 0; n < 2; n++) clipboard.offers[n].formats = next() % 4;
    display_record_write(&object->clipboard_sequence, &object->clipboard, &clipboard, sizeof clipboard);
}

int main(int count, char **arguments) {
    if (count != 4) return 64;
    int file = open(arguments[1], O_RDWR);
    state = strtoull(arguments[2], NULL, 10);
    struct display_object *object =
        mmap(NULL, DISPLAY_CONTROL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (file < 0 || object == MAP_FAILED) return 1;
    long rounds = atol(arguments[3]);
    for (long n = 0; n < rounds; n++) {
        plausible(object);
        if (next() % 4 == 0) {
            scatter(&object->screen, sizeof object->screen, next() % 4);
            scatter(&object->cursor, sizeof object->cursor, next() % 3);
            scatter(&object->damage, 128, next() % 3);
            scatter(object->ports, sizeof object->ports, next() % 8);
            scatter(&object->clipboard, sizeof object->clipboard, next() % 3);
            scatter(object->server.echoes, sizeof object->server.echoes, next() % 8);
            object->server.bells = next() % 2;
            object->server.warps = next() % 2;
            object->server.pointer = (uint64_t)odd() << 32 | odd();
            object->server.leds = odd();
            object->server.epoch = next() % 3;
            // Viewers' own pages lie in the same memory.
            if (next() % 16 == 0) scatter(object->viewers, sizeof object->viewers, next() % 4);
        }
        // A viewer that is turned away learns nothing more: mostly it is not.
        for (int slot = 0; slot < (int)DISPLAY_VIEWERS; slot++) {
            struct display_echo *echo = &object->server.echoes[slot];
            echo->owner = object->viewers[slot].owner;
            echo->heartbeat = object->viewers[slot].heartbeat;
            echo->layout = object->viewers[slot].layout.serial;
            echo->keymap = object->viewers[slot].keymap;
            if (next() % 64) echo->taken = object->viewers[slot].head;
        }
        object->server.state = DISPLAY_STATE_RUNNING;
        display_ring(&object->server.published);
        if (next() % 8 == 0) usleep(next() % 2000);
    }
    return 0;
}
