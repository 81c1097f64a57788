#pragma once
#include <png.h>
#include <string.h>

/// Writes pixels of 3 bytes, R G B (lines of `stride` bytes) to an open file. 0, or the library's reason in `reason` (64 bytes).
static inline int cpng_write(
    FILE *file, unsigned width, unsigned height, const void *pixels, int stride, char reason[64]) {
    png_image image;
    memset(&image, 0, sizeof image);
    image.version = PNG_IMAGE_VERSION;
    image.width = width;
    image.height = height;
    image.format = PNG_FORMAT_RGB;
    int written = png_image_write_to_stdio(&image, file, 0, pixels, stride, NULL);
    if (!written) memcpy(reason, image.message, 64);
    png_image_free(&image);
    return written ? 0 : -1;
}
