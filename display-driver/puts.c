// Large pictures that programs put on the screen: films without XVideo, games, what a toolkit has drawn elsewhere. They are
// copied past the processor's caches. The next to read the screen is another process, of all of it at once, and a store
// that goes through the cache first has to read what it is about to overwrite: a third of what the copy costs.
#include "driver.h"

#include <fb.h>
#include <mi.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

// Of less a part may still be in the cache when it is read. Bytes.
#define LARGE (1 << 18)

static GCOps ops;

#ifdef __SSE2__
static void copy_line(char *to, const char *from, size_t bytes) {
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
static void end_copy(void) { _mm_sfence(); }
#else
static void copy_line(char *to, const char *from, size_t bytes) { memcpy(to, from, bytes); }
static void end_copy(void) {}
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

static void put_image(DrawablePtr drawable, GCPtr gc, int depth, int x, int y, int width, int height, int left_pad,
    int format, char *bits) {
    if (format != ZPixmap || depth != 24 || (int64_t)width * height * 4 < LARGE || !is_plain(gc) || !is_on_screen(drawable)) {
        fbPutImage(drawable, gc, depth, x, y, width, height, left_pad, format, bits);
        return;
    }
    x += drawable->x;
    y += drawable->y;
    RegionPtr clip = fbGetCompositeClip(gc);
    const BoxRec *boxes = RegionRects(clip);
    for (int n = 0; n < RegionNumRects(clip); n++) {
        int x1 = max(x, boxes[n].x1), y1 = max(y, boxes[n].y1);
        int x2 = min(x + width, boxes[n].x2), y2 = min(y + height, boxes[n].y2);
        if (x1 >= x2) continue;
        size_t stride, source_stride = (size_t)width * 4;
        char *to = pixel(drawable, x1, y1, &stride);
        const char *from = bits + (size_t)(y1 - y) * source_stride + (size_t)(x1 - x) * 4;
        for (int line = y1; line < y2; line++, to += stride, from += source_stride)
            copy_line(to, from, (size_t)(x2 - x1) * 4);
    }
    end_copy();
}

static void copy_boxes(DrawablePtr source, DrawablePtr target, GCPtr gc, BoxPtr boxes, int count, int dx, int dy,
    Bool reverse, Bool upside_down, Pixel plane, void *closure) {
    for (int n = 0; n < count; n++) {
        int width = boxes[n].x2 - boxes[n].x1, height = boxes[n].y2 - boxes[n].y1;
        if ((int64_t)width * height * 4 < LARGE) {
            fbCopyNtoN(source, target, gc, &boxes[n], 1, dx, dy, reverse, upside_down, plane, closure);
            continue;
        }
        size_t stride, source_stride;
        char *to = pixel(target, boxes[n].x1, boxes[n].y1, &stride);
        const char *from = pixel(source, boxes[n].x1 + dx, boxes[n].y1 + dy, &source_stride);
        for (int line = 0; line < height; line++, to += stride, from += source_stride)
            copy_line(to, from, (size_t)width * 4);
    }
    end_copy();
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
