#include "driver.h"

#include <errno.h>
#include <string.h>

// How long a bank is kept after the screen moved to the other: a host's X server may still be copying from it, ms.
enum { OLD_BANK_MS = 1000 };
/// Boxes that one sleep of the server publishes; more are merged.
enum { BOXES_AT_ONCE = 64 };

static uint32_t stride_of(uint32_t width) { return (width * 4 + 63u) & ~63u; }

static uint64_t bank_offset(uint32_t bank) { return DISPLAY_FRAME_OFFSET + (uint64_t)bank * DISPLAY_FRAME_BANK_BYTES; }

static CARD32 forget_old_bank(OsTimerPtr timer, CARD32 now, void *data) {
    (void)timer;
    (void)now;
    struct driver *driver = data;
    object_punch(driver, bank_offset(!driver->frame.bank), DISPLAY_FRAME_BANK_BYTES);
    return 0;
}

Bool framebuffer_init(struct driver *driver) {
    ScrnInfoPtr scrn = driver->scrn;
    driver->frame.width = (uint32_t)scrn->virtualX;
    driver->frame.height = (uint32_t)scrn->virtualY;
    driver->frame.stride = stride_of(driver->frame.width);
    driver->frame.bank = 0;
    scrn->displayWidth = (int)(driver->frame.stride / 4);
    int error = object_allocate(driver, bank_offset(0), (uint64_t)driver->frame.stride * driver->frame.height);
    if (error)
        xf86DrvMsg(scrn->scrnIndex, X_ERROR, "no memory for a screen of %ux%u in %s: %s\n", driver->frame.width,
            driver->frame.height, driver->path, strerror(error));
    else
        framebuffer_changed(driver);
    return error == 0;
}

// A cursor that is too large for viewers is drawn by the server itself, in a handler that comes after ours: the server has
// to be kept awake for it.
static void damaged(DamagePtr damage, RegionPtr region, void *data) {
    (void)damage;
    (void)region;
    struct driver *driver = data;
    if (driver->asleep) doorbell_again(driver);
}

Bool framebuffer_create_resources(struct driver *driver) {
    PixmapPtr pixmap = driver->screen->GetScreenPixmap(driver->screen);
    driver->damage = DamageCreate(damaged, NULL, DamageReportNonEmpty, TRUE, driver->screen, driver);
    if (!driver->damage) return FALSE;
    // So that an operation can still say what of it changed nothing.
    DamageSetReportAfterOp(driver->damage, TRUE);
    DamageRegister(&pixmap->drawable, driver->damage);
    return TRUE;
}

void framebuffer_unchanged(struct driver *driver, RegionPtr same) {
    if (!driver->damage) return;
    RegionPtr pending = DamagePendingRegion(driver->damage);
    RegionSubtract(pending, pending, same);
}

void framebuffer_close(struct driver *driver) {
    TimerFree(driver->old_bank);
    driver->old_bank = NULL;
    driver->damage = NULL; // went with the screen's pixmap
}

void framebuffer_changed(struct driver *driver) {
    if (!driver->frame.changed) display_sequence_begin(&driver->object->screen_sequence);
    driver->frame.changed = TRUE;
}

// What both sizes have; the rest of the new bank is new memory, and black.
static void copy_pixels(struct driver *driver, uint32_t to_bank, uint32_t width, uint32_t height, uint32_t stride) {
    const char *from = object_at(driver, bank_offset(driver->frame.bank));
    char *to = object_at(driver, bank_offset(to_bank));
    uint32_t rows = height < driver->frame.height ? height : driver->frame.height;
    uint32_t bytes = 4 * (width < driver->frame.width ? width : driver->frame.width);
    for (uint32_t y = 0; y < rows; y++) memcpy(to + (size_t)y * stride, from + (size_t)y * driver->frame.stride, bytes);
}

Bool framebuffer_resize(struct driver *driver, uint32_t width, uint32_t height) {
    ScrnInfoPtr scrn = driver->scrn;
    if (width < 1 || width > DISPLAY_MAX_EXTENT || height < 1 || height > DISPLAY_MAX_EXTENT) return FALSE;
    if (width == driver->frame.width && height == driver->frame.height) return TRUE;
    uint32_t bank = !driver->frame.bank, stride = stride_of(width);
    uint64_t bytes = (uint64_t)stride * height;
    TimerCancel(driver->old_bank);
    object_punch(driver, bank_offset(bank), DISPLAY_FRAME_BANK_BYTES);
    int error = object_allocate(driver, bank_offset(bank), bytes);
    if (error) {
        object_punch(driver, bank_offset(bank), bytes);
        xf86DrvMsg(scrn->scrnIndex, X_WARNING, "no memory for a screen of %ux%u in %s: %s\n", width, height, driver->path,
            strerror(error));
        return FALSE;
    }
    framebuffer_changed(driver);
    copy_pixels(driver, bank, width, height, stride);
    driver->frame.width = width;
    driver->frame.height = height;
    driver->frame.stride = stride;
    driver->frame.bank = bank;
    scrn->virtualX = (int)width;
    scrn->virtualY = (int)height;
    scrn->displayWidth = (int)(stride / 4);
    PixmapPtr pixmap = driver->screen->GetScreenPixmap(driver->screen);
    driver->screen->ModifyPixmapHeader(
        pixmap, (int)width, (int)height, -1, -1, (int)stride, object_at(driver, bank_offset(bank)));
    driver->old_bank = TimerSet(driver->old_bank, 0, OLD_BANK_MS, forget_old_bank, driver);
    return TRUE;
}

static display_box pack(const BoxRec *box) {
    return display_box_pack((uint32_t)box->x1, (uint32_t)box->y1, (uint32_t)box->x2, (uint32_t)box->y2);
}

// A region's boxes lie in bands from the top down: neighbours in the list are neighbours on the screen.
static void publish_damage(struct driver *driver, RegionPtr region) {
    display_box boxes[BOXES_AT_ONCE];
    uint32_t count = 0;
    const BoxRec *from = RegionRects(region);
    uint32_t left = (uint32_t)RegionNumRects(region), together = (left + BOXES_AT_ONCE - 1) / BOXES_AT_ONCE;
    while (left > 0) {
        BoxRec whole = *from;
        uint32_t taken = left < together ? left : together;
        for (uint32_t n = 1; n < taken; n++) {
            if (from[n].x1 < whole.x1) whole.x1 = from[n].x1;
            if (from[n].x2 > whole.x2) whole.x2 = from[n].x2;
            if (from[n].y1 < whole.y1) whole.y1 = from[n].y1;
            if (from[n].y2 > whole.y2) whole.y2 = from[n].y2;
        }
        boxes[count++] = pack(&whole);
        from += taken;
        left -= taken;
    }
    display_damage_append(&driver->object->damage, boxes, count);
}

static void publish_screen(struct driver *driver) {
    struct display_screen screen = {
        .width = driver->frame.width,
        .height = driver->frame.height,
        .stride = driver->frame.stride,
        .format = DISPLAY_XRGB8888,
        .offset = bank_offset(driver->frame.bank),
        .bytes = (uint64_t)driver->frame.stride * driver->frame.height,
        .serial = ++driver->frame.serial,
    };
    outputs_describe(driver, &screen);
    display_record_write(&driver->object->screen_sequence, &driver->object->screen, &screen, sizeof screen);
    driver->frame.changed = FALSE;
}

void framebuffer_publish(struct driver *driver) {
    if (driver->frame.changed) {
        publish_screen(driver);
        object_tell(driver);
    }
    if (!driver->damage) return;
    RegionPtr region = DamageRegion(driver->damage);
    // Drawing is clipped to the pixmap, but damage is not always.
    BoxRec whole = {0, 0, (short)driver->frame.width, (short)driver->frame.height};
    RegionRec visible;
    RegionInit(&visible, &whole, 1);
    RegionIntersect(region, region, &visible);
    RegionUninit(&visible);
    if (!RegionNotEmpty(region)) return;
    publish_damage(driver, region);
    DamageEmpty(driver->damage);
    object_tell(driver);
}
