// YUV to RGB, scaled by the nearest pixel: the way out where frames cannot be handed through.
#include "driver.h"

#include <stdlib.h>

/// Fixed point with 16 bits behind the point; ITU-R BT.601 and BT.709, luma 16...235, chroma 16...240.
struct matrix {
    int32_t y, red_v, green_u, green_v, blue_u;
};
static const struct matrix matrices[2] = {
    [DISPLAY_BT601] = {76309, 104597, 25675, 53279, 132201},
    [DISPLAY_BT709] = {76309, 117489, 13975, 34925, 138438},
};

/// Where a pixel's parts lie in a frame.
struct planes {
    const uint8_t *y, *u, *v;
    uint32_t y_pitch, uv_pitch;
    uint32_t y_step, uv_step; // bytes from pixel to pixel, from pair to pair
    uint32_t uv_lines;        // lines of luma to one of chroma
};

static struct planes planes_of(const uint8_t *frame, const struct display_video *video) {
    const uint32_t *offsets = video->offsets;
    struct planes planes = {.y = frame, .y_pitch = video->pitches[0], .y_step = 1, .uv_step = 1, .uv_lines = 2};
    planes.uv_pitch = video->pitches[1];
    switch (video->fourcc) {
    case DISPLAY_I420:
        planes.u = frame + offsets[1];
        planes.v = frame + offsets[2];
        break;
    case DISPLAY_YV12:
        planes.v = frame + offsets[1];
        planes.u = frame + offsets[2];
        break;
    case DISPLAY_NV12:
        planes.u = frame + offsets[1];
        planes.v = planes.u + 1;
        planes.uv_step = 2;
        break;
    default: // DISPLAY_YUY2
        planes.u = frame + 1;
        planes.v = frame + 3;
        planes.y_step = 2;
        planes.uv_step = 4;
        planes.uv_lines = 1;
        planes.uv_pitch = video->pitches[0];
        break;
    }
    return planes;
}

static uint32_t byte(int32_t fixed) {
    fixed = (fixed + 32768) >> 16;
    return (uint32_t)(fixed < 0 ? 0 : fixed > 255 ? 255 : fixed);
}

void convert_frame(
    const uint8_t *frame, const struct display_video *video, const struct display_rectangle *part, uint32_t *pixels) {
    struct planes planes = planes_of(frame, video);
    const struct matrix *matrix = &matrices[video->matrix == DISPLAY_BT709];
    uint64_t width = (uint64_t)(video->target.x2 - video->target.x1), height = (uint64_t)(video->target.y2 - video->target.y1);
    uint64_t step = ((uint64_t)video->source_width << 32) / width;
    for (int32_t row = part->y1; row < part->y2; row++) {
        // The source pixel under the target pixel's middle.
        uint64_t middle = 2 * (uint64_t)(row - video->target.y1) + 1;
        uint32_t y = video->source_y + (uint32_t)(middle * video->source_height / (2 * height));
        const uint8_t *luma = planes.y + (size_t)y * planes.y_pitch;
        const uint8_t *u_line = planes.u + (size_t)(y / planes.uv_lines) * planes.uv_pitch;
        const uint8_t *v_line = planes.v + (size_t)(y / planes.uv_lines) * planes.uv_pitch;
        uint64_t at = step * (uint64_t)(part->x1 - video->target.x1) + step / 2;
        for (int32_t column = part->x1; column < part->x2; column++, at += step) {
            uint32_t x = video->source_x + (uint32_t)(at >> 32);
            int32_t c = (luma[(size_t)x * planes.y_step] - 16) * matrix->y;
            int32_t u = u_line[(size_t)(x / 2) * planes.uv_step] - 128, v = v_line[(size_t)(x / 2) * planes.uv_step] - 128;
            *pixels++ = byte(c + v * matrix->red_v) << 16 | byte(c - u * matrix->green_u - v * matrix->green_v) << 8 |
                        byte(c + u * matrix->blue_u);
        }
    }
}
