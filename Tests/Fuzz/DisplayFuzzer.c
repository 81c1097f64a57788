// A pod writes whatever it likes into the memory that it shares with viewers. Everything that a viewer reads there goes
// through the readers and checks of DisplayABI: here with a control part, and a cursor, in memory of exactly their size,
// after words of them were changed as the input says. What passes a check must lie where the check says that it does.
//
// The input: a position in the damage ring (8 bytes), then any number of changes, each the number of a word (3 bytes) and
// its new value (4 bytes), little-endian.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "DisplayABI.h"

static struct display_object *object;
static uint32_t *area, *pixels;
static unsigned char *original;

static void hold(int condition)
{
    if (!condition)
        abort();
}

/// What a server with a screen, a cursor, a film and some damage says.
static void make(void)
{
    object = aligned_alloc(DISPLAY_PAGE, DISPLAY_CONTROL_BYTES);
    original = malloc(DISPLAY_CONTROL_BYTES);
    area = calloc(1, DISPLAY_CURSOR_BYTES);
    pixels = malloc(DISPLAY_CURSOR_BYTES);
    hold(object != NULL && original != NULL && area != NULL && pixels != NULL);
    memset(object, 0, DISPLAY_CONTROL_BYTES);
    object->server.magic = DISPLAY_ABI_MAGIC;
    object->server.version = DISPLAY_ABI_VERSION;
    object->screen = (struct display_screen){.width = 1280, .height = 800, .stride = 5120, .format = DISPLAY_XRGB8888,
        .offset = DISPLAY_FRAME_OFFSET, .bytes = 5120 * 800, .serial = 1, .output_count = 1};
    object->screen.outputs[0].width = 1280;
    object->screen.outputs[0].height = 800;
    object->cursor = (struct display_cursor){.visible = 1, .width = 16, .height = 16, .serial = 1};
    for (uint32_t port = 0; port < DISPLAY_VIDEO_PORTS; port++) {
        static const uint32_t formats[] = {DISPLAY_I420, DISPLAY_YV12, DISPLAY_NV12, DISPLAY_YUY2};
        struct display_video *video = &object->ports[port].video;
        *video = (struct display_video){.flags = 1, .buffer = port % DISPLAY_VIDEO_BUFFERS, .frame = 1, .width = 640,
            .height = 400, .fourcc = formats[port % 4], .source_width = 640, .source_height = 400, .clip_count = 1,
            .target = {0, 0, 640, 400}};
        video->bytes = display_video_planes(
            video->fourcc, video->width, video->height, video->pitches, video->offsets, &video->planes);
        video->clip[0] = display_box_pack(0, 0, 640, 400);
    }
    display_box box = display_box_pack(0, 0, 10, 10);
    for (int n = 0; n < 5; n++)
        display_damage_append(&object->damage, &box, 1);
    memcpy(original, object, DISPLAY_CONTROL_BYTES);
}

static void look_at_screen(void)
{
    struct display_screen screen;
    if (!display_read_screen(object, &screen, NULL) || !display_screen_is_valid(&screen))
        return;
    hold(screen.offset >= DISPLAY_FRAME_OFFSET && screen.stride >= screen.width * 4);
    hold(screen.offset + (uint64_t)screen.stride * screen.height <= DISPLAY_OBJECT_BYTES);
    for (uint32_t n = 0; n < screen.output_count; n++) {
        const struct display_output *output = &screen.outputs[n];
        hold((uint64_t)output->x + output->width <= screen.width && (uint64_t)output->y + output->height <= screen.height);
    }
}

static void look_at_cursor(void)
{
    struct display_cursor cursor;
    if (!display_read_cursor(object, area, &cursor, pixels))
        return;
    hold(cursor.width <= DISPLAY_MAX_CURSOR && cursor.height <= DISPLAY_MAX_CURSOR && cursor.hot_x <= cursor.width &&
         cursor.hot_y <= cursor.height);
}

static void look_at_video(uint32_t port)
{
    struct display_video video;
    if (!display_read_video(object, port, &video) || !display_video_is_valid(&video))
        return;
    // The last byte of each plane.
    for (uint32_t plane = 0; plane < video.planes; plane++) {
        uint64_t lines = plane > 0 ? video.height / 2 : video.height;
        hold(video.offsets[plane] + video.pitches[plane] * lines <= video.bytes);
    }
    hold(video.bytes <= DISPLAY_VIDEO_BUFFER_BYTES);
    hold(display_video_offset(port, video.buffer) + video.bytes <= DISPLAY_FRAME_OFFSET);
    hold((uint64_t)video.source_x + video.source_width <= video.width);
    hold((uint64_t)video.source_y + video.source_height <= video.height);
    for (uint32_t n = 0; n < video.clip_count; n++) {
        struct display_rectangle part = display_box_on(video.clip[n], 1280, 800);
        hold(part.x1 >= 0 && part.y1 >= 0 && part.x2 <= 1280 && part.y2 <= 800);
    }
    (void)display_buffer_is_intact(object, port, &video);
}

static void look_at_damage(uint64_t position)
{
    display_box *boxes = malloc(DISPLAY_DAMAGE_BOXES * sizeof *boxes);
    hold(boxes != NULL);
    int count = display_damage_read(display_damage_of(object), &position, boxes);
    hold(count <= (int)DISPLAY_DAMAGE_BOXES);
    for (int n = 0; n < count; n++) {
        struct display_rectangle part = display_box_on(boxes[n], 1280, 800);
        hold(part.x1 >= 0 && part.y1 >= 0 && part.x2 <= 1280 && part.y2 <= 800);
    }
    free(boxes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (object == NULL)
        make();
    uint64_t position = 0;
    memcpy(&position, bytes, count < sizeof position ? count : sizeof position);
    uint32_t *words = (uint32_t *)object;
    for (size_t at = sizeof position; at + 7 <= count; at += 7) {
        uint32_t word = (uint32_t)bytes[at] | (uint32_t)bytes[at + 1] << 8 | (uint32_t)bytes[at + 2] << 16;
        memcpy(&words[word % (DISPLAY_CONTROL_BYTES / 4)], bytes + at + 3, 4);
    }
    (void)display_object_is_known(object);
    look_at_screen();
    look_at_cursor();
    for (uint32_t port = 0; port <= DISPLAY_VIDEO_PORTS; port++)
        look_at_video(port);
    look_at_damage(position);
    struct display_clipboard clipboard;
    (void)display_read_pod_clipboard(object, &clipboard);
    // Only what was changed is put back.
    for (size_t at = sizeof position; at + 7 <= count; at += 7) {
        uint32_t word = (uint32_t)bytes[at] | (uint32_t)bytes[at + 1] << 8 | (uint32_t)bytes[at + 2] << 16;
        size_t place = word % (DISPLAY_CONTROL_BYTES / 4) * 4;
        memcpy((unsigned char *)object + place, original + place, 4);
    }
    return 0;
}
