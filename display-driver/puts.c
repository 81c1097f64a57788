// Large pictures that programs put on the screen: films without XVideo, games, what a toolkit has drawn elsewhere. Many of
// them put all of a window again when little of it is another: what is the same is left alone, and no viewer hears of it.
// Where nearly all is different that is not looked at, and the copy goes past the processor's caches: the next to read the
// screen is another process, of all of it at once, and a store that goes through the cache first has to read what it is
// about to overwrite, a third of what the copy costs.
#include "driver.h"

#include <fb.h>
#include <mi.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

// What is looked at, bytes: Xlib puts a picture without MIT-SHM in requests of somewhat less than 256 KiB.
#define LARGE (1 << 16)
// What goes past the caches, bytes: of less a part may still be there when it is read.
#define VERY_LARGE (1 << 18)

enum {
    // What is told apart, pixels: what a viewer has a host do costs, for each part of a picture, as much as two or three of
    // these.
    TILE_WIDTH = 64,
    TILE_HEIGHT = 16,
    MOST_TILES = DISPLAY_MAX_EXTENT / TILE_WIDTH,
    // Runs of them that are told of one put. Of more all is said to have changed.
    MOST_RUNS = 512,
    // Bands of tiles that are not looked at after one in which nearly all had changed: each time twice as many.
    MOST_UNSEEN = 15,
};

static GCOps ops;

#ifdef __SSE2__
static void stream_line(char *to, const char *from, size_t bytes) {
    size_t head = -(uintptr_t)to & 63u;
    if (head > bytes) head = bytes;
    memcpy(to, from, head);
    size_t n = head;
    for (; n + 64 <= bytes; n += 64) {
        // The processor's own prefetching ends with the page.
        _mm_prefetch(from + n + 4096, _MM_HINT_T0);
        for (size_t part = 0; part < 64; part += 16)
            _mm_stream_si128((__m128i *)(void *)(to + n + part), _mm_loadu_si128((const __m128i *)(const void *)(from + n + part)));
    }
    memcpy(to + n, from + n, bytes - n);
}
static void end_streaming(void) { _mm_sfence(); }
#else
static void stream_line(char *to, const char *from, size_t bytes) { memcpy(to, from, bytes); }
static void end_streaming(void) {}
#endif

static Bool is_on_screen(DrawablePtr drawable) {
    ScreenPtr screen = drawable->pScreen;
    return drawable->type == DRAWABLE_WINDOW && drawable->bitsPerPixel == 32 &&
           screen->GetWindowPixmap((WindowPtr)drawable) == screen->GetScreenPixmap(screen);
}

static Bool is_plain(GCPtr gc) { return gc->alu == GXcopy && (gc->planemask & 0xffffff) == 0xffffff; }

static char *pixel(DrawablePtr drawable, int x, int y, size_t *stride) {
    FbBits *bits;
    FbStride words;
    int bpp, x_offset, y_offset;
    fbGetDrawable(drawable, bits, words, bpp, x_offset, y_offset);
    (void)bpp;
    *stride = (size_t)words * sizeof *bits;
    return (char *)bits + (ptrdiff_t)(y + y_offset) * (ptrdiff_t)*stride + (ptrdiff_t)(x + x_offset) * 4;
}

// What the puts of one request have changed, on the screen.
static struct {
    xRectangle runs[MOST_RUNS];
    int count;
    Bool is_all; // too many
} changed;

static void begin_puts(void) {
    changed.count = 0;
    changed.is_all = FALSE;
}

static void add_changed(int x1, int y1, int x2, int y2) {
    if (changed.count == MOST_RUNS) {
        changed.is_all = TRUE;
        return;
    }
    changed.runs[changed.count++] =
        (xRectangle){(short)x1, (short)y1, (unsigned short)(x2 - x1), (unsigned short)(y2 - y1)};
}

// `area`: where they were. It is used up.
static void end_puts(ScreenPtr screen, RegionPtr area) {
    if (changed.is_all) return;
    RegionPtr different = RegionFromRects(changed.count, changed.runs, CT_UNSORTED);
    if (!different) return;
    if (RegionSubtract(area, area, different)) framebuffer_unchanged(driver_of_screen(screen), area);
    RegionDestroy(different);
}

// A put's pixels, from the first of a box.
struct pixels {
    char *to;
    const char *from;
    size_t to_stride, from_stride; // bytes
};

// Copies what is different of a band of tiles, the lines from y1 to y2, and tells of it. Returns whether nearly all was.
static Bool copy_changed(const struct pixels *pixels, int x1, int y1, int x2, int y2) {
    int first = x1 / TILE_WIDTH, tiles = (x2 - 1) / TILE_WIDTH - first + 1, different = 0;
    uint8_t is_different[MOST_TILES] = {0};
    for (int y = y1; y < y2; y++) {
        char *to = pixels->to + (size_t)(y - y1) * pixels->to_stride;
        const char *from = pixels->from + (size_t)(y - y1) * pixels->from_stride;
        for (int n = 0, x = x1; n < tiles; n++) {
            int end = min((first + n + 1) * TILE_WIDTH, x2);
            size_t bytes = (size_t)(end - x) * 4;
            // The next line: the processor's own prefetching ends with the page.
            for (size_t part = 0; part < bytes; part += 64) {
                __builtin_prefetch(to + pixels->to_stride + part);
                __builtin_prefetch(from + pixels->from_stride + part);
            }
            if (memcmp(to, from, bytes) != 0) {
                memcpy(to, from, bytes);
                is_different[n] = TRUE;
            }
            to += bytes;
            from += bytes;
            x = end;
        }
    }
    for (int n = 0, start = -1, end = 0; n <= tiles; n++) {
        if (n < tiles && is_different[n]) {
            different++;
            if (start < 0) start = n;
            end = n + 1;
        } else if (start >= 0 && (n == tiles || n > end)) {
            // With one tile between them two are told as one.
            add_changed(max(x1, (first + start) * TILE_WIDTH), y1, min(x2, (first + end) * TILE_WIDTH), y2);
            start = -1;
        }
    }
    return different * 4 > tiles * 3;
}

static void copy_box(struct pixels pixels, const BoxRec *box) {
    size_t bytes = (size_t)(box->x2 - box->x1) * 4;
    Bool is_very_large = bytes * (size_t)(box->y2 - box->y1) >= VERY_LARGE;
    int unseen = 0, next_unseen = 1;
    for (int y = box->y1, end; y < box->y2; y = end) {
        end = min((y / TILE_HEIGHT + 1) * TILE_HEIGHT, box->y2);
        size_t lines = (size_t)(end - y);
        if (unseen > 0) {
            unseen--;
            for (size_t line = 0; line < lines; line++) {
                char *to = pixels.to + line * pixels.to_stride;
                const char *from = pixels.from + line * pixels.from_stride;
                if (is_very_large)
                    stream_line(to, from, bytes);
                else
                    memcpy(to, from, bytes);
            }
            add_changed(box->x1, y, box->x2, end);
        } else if (copy_changed(&pixels, box->x1, y, box->x2, end)) {
            unseen = next_unseen;
            next_unseen = min(2 * next_unseen + 1, MOST_UNSEEN);
        } else {
            next_unseen = 1;
        }
        pixels.to += lines * pixels.to_stride;
        pixels.from += lines * pixels.from_stride;
    }
}

static void put_image(DrawablePtr drawable, GCPtr gc, int depth, int x, int y, int width, int height, int left_pad,
    int format, char *bits) {
    if (format != ZPixmap || depth != 24 || (int64_t)width * height * 4 < LARGE || !is_plain(gc) || !is_on_screen(drawable)) {
        fbPutImage(drawable, gc, depth, x, y, width, height, left_pad, format, bits);
        return;
    }
    x += drawable->x;
    y += drawable->y;
    BoxRec whole = {x, y, x + width, y + height};
    RegionRec area;
    RegionInit(&area, &whole, 1);
    RegionIntersect(&area, &area, fbGetCompositeClip(gc));
    begin_puts();
    for (int n = 0; n < RegionNumRects(&area); n++) {
        const BoxRec *box = &RegionRects(&area)[n];
        struct pixels pixels = {.from_stride = (size_t)width * 4};
        pixels.to = pixel(drawable, box->x1, box->y1, &pixels.to_stride);
        pixels.from = bits + (size_t)(box->y1 - y) * pixels.from_stride + (size_t)(box->x1 - x) * 4;
        copy_box(pixels, box);
    }
    end_streaming();
    end_puts(drawable->pScreen, &area);
    RegionUninit(&area);
}

static void copy_boxes(DrawablePtr source, DrawablePtr target, GCPtr gc, BoxPtr boxes, int count, int dx, int dy,
    Bool reverse, Bool upside_down, Pixel plane, void *closure) {
    begin_puts();
    for (int n = 0; n < count; n++) {
        const BoxRec *box = &boxes[n];
        if ((int64_t)(box->x2 - box->x1) * (box->y2 - box->y1) * 4 < LARGE) {
            fbCopyNtoN(source, target, gc, &boxes[n], 1, dx, dy, reverse, upside_down, plane, closure);
            add_changed(box->x1, box->y1, box->x2, box->y2);
            continue;
        }
        struct pixels pixels;
        pixels.to = pixel(target, box->x1, box->y1, &pixels.to_stride);
        pixels.from = pixel(source, box->x1 + dx, box->y1 + dy, &pixels.from_stride);
        copy_box(pixels, box);
    }
    end_streaming();
    RegionRec area;
    if (!RegionInitBoxes(&area, boxes, count)) return;
    end_puts(target->pScreen, &area);
    RegionUninit(&area);
}

static RegionPtr copy_area(DrawablePtr source, DrawablePtr target, GCPtr gc, int source_x, int source_y, int width,
    int height, int x, int y) {
    // Within the screen source and target may overlap.
    Bool is_large = source->type == DRAWABLE_PIXMAP && source->bitsPerPixel == 32 && is_plain(gc) && is_on_screen(target) &&
                    (PixmapPtr)source != target->pScreen->GetScreenPixmap(target->pScreen);
    return miDoCopy(
        source, target, gc, source_x, source_y, width, height, x, y, is_large ? copy_boxes : fbCopyNtoN, 0, NULL);
}

static Bool create_gc(GCPtr gc) {
    if (!fbCreateGC(gc)) return FALSE;
    if (gc->depth == 24) gc->ops = &ops;
    return TRUE;
}

void puts_init(ScreenPtr screen) {
    ops = fbGCOps;
    ops.PutImage = put_image;
    ops.CopyArea = copy_area;
    screen->CreateGC = create_gc;
}
