#include "driver.h"

#include <fb.h>
#include <micmap.h>
#include <mipointer.h>
#include <opaque.h>
#include <stdlib.h>
#include <string.h>

struct driver *the_driver;

enum { OPTION_OBJECT, OPTION_SIZE };

// What the Device section may say.
static const OptionInfoRec options[] = {
    {OPTION_OBJECT, "Object", OPTV_STRING, {0}, FALSE}, // path of the shared memory
    {OPTION_SIZE, "Size", OPTV_STRING, {0}, FALSE},     // "WIDTHxHEIGHT" before a viewer says another
    {-1, NULL, OPTV_NONE, {0}, FALSE},
};

// The size to begin with. FALSE when there is one that cannot be.
static Bool initial_size(struct driver *driver, uint32_t *width, uint32_t *height) {
    const char *text = xf86GetOptValString(driver->options, OPTION_SIZE);
    *width = 1280;
    *height = 800;
    if (!text) return TRUE;
    unsigned wide, high;
    char rest;
    if (sscanf(text, "%5ux%5u%c", &wide, &high, &rest) == 2 && wide >= 1 && wide <= DISPLAY_MAX_EXTENT && high >= 1 &&
        high <= DISPLAY_MAX_EXTENT) {
        *width = wide;
        *height = high;
        return TRUE;
    }
    xf86DrvMsg(driver->scrn->scrnIndex, X_ERROR, "Option \"Size\" \"%s\" is not WIDTHxHEIGHT of 1 to %u pixels\n", text,
        DISPLAY_MAX_EXTENT);
    return FALSE;
}

// Depth 24 in 32 bits, and nothing else: what every viewer can show as it is.
static Bool set_format(ScrnInfoPtr scrn) {
    rgb unset = {0, 0, 0};
    Gamma no_gamma = {0.0, 0.0, 0.0};
    scrn->monitor = scrn->confScreen->monitor;
    if (!xf86SetDepthBpp(scrn, 24, 24, 32, Support32bppFb)) return FALSE;
    if (scrn->depth != 24 || scrn->bitsPerPixel != 32) {
        xf86DrvMsg(scrn->scrnIndex, X_ERROR, "depth %d is not supported: use 24\n", scrn->depth);
        return FALSE;
    }
    xf86PrintDepthBpp(scrn);
    return xf86SetWeight(scrn, unset, unset) && xf86SetDefaultVisual(scrn, -1) && xf86SetGamma(scrn, no_gamma);
}

static Bool set_options(struct driver *driver) {
    driver->options = malloc(sizeof options);
    if (!driver->options) return FALSE;
    memcpy(driver->options, options, sizeof options);
    xf86CollectOptions(driver->scrn, NULL);
    xf86ProcessOptions(driver->scrn->scrnIndex, driver->scrn->options, driver->options);
    const char *named = xf86GetOptValString(driver->options, OPTION_OBJECT);
    if (named)
        driver->path = strdup(named);
    else if (asprintf(&driver->path, "/dev/shm/mediapod-display-%s", display ? display : "0") < 0)
        driver->path = NULL;
    return driver->path != NULL;
}

static void free_screen(ScrnInfoPtr scrn) {
    struct driver *driver = driver_of(scrn);
    if (!driver) return;
    object_destroy(driver);
    free(driver->path);
    free(driver->options);
    valuator_mask_free(&driver->valuators);
    if (the_driver == driver) the_driver = NULL;
    free(driver);
    scrn->driverPrivate = NULL;
}

Bool screen_pre_init(ScrnInfoPtr scrn, int flags) {
    if (flags & PROBE_DETECT) return TRUE;
    if (the_driver) {
        xf86DrvMsg(scrn->scrnIndex, X_ERROR, "one screen has the driver already\n");
        return FALSE;
    }
    struct driver *driver = calloc(1, sizeof *driver);
    if (!driver) return FALSE;
    driver->scrn = scrn;
    driver->file = -1;
    scrn->driverPrivate = driver;
    scrn->FreeScreen = free_screen;
    uint32_t width, height;
    if (!set_format(scrn) || !set_options(driver) || !initial_size(driver, &width, &height) ||
        !outputs_pre_init(driver, width, height))
        return FALSE;
    xf86SetDpi(scrn, 0, 0);
    if (!xf86LoadSubModule(scrn, "fb")) return FALSE;
    the_driver = driver;
    return TRUE;
}

static void block_handler(ScreenPtr screen, void *timeout) {
    struct driver *driver = driver_of_screen(screen);
    screen->BlockHandler = driver->block_handler;
    screen->BlockHandler(screen, timeout);
    driver->block_handler = screen->BlockHandler;
    screen->BlockHandler = block_handler;

    framebuffer_publish(driver);
    cursor_publish(driver);
    if (driver->news) object_publish(driver);
    driver->asleep = TRUE;
}

static void wakeup_handler(ScreenPtr screen, int result) {
    struct driver *driver = driver_of_screen(screen);
    driver->asleep = FALSE;
    screen->WakeupHandler = driver->wakeup_handler;
    screen->WakeupHandler(screen, result);
    driver->wakeup_handler = screen->WakeupHandler;
    screen->WakeupHandler = wakeup_handler;
}

static Bool create_screen_resources(ScreenPtr screen) {
    struct driver *driver = driver_of_screen(screen);
    screen->CreateScreenResources = driver->create_screen_resources;
    Bool made = screen->CreateScreenResources(screen);
    screen->CreateScreenResources = create_screen_resources;
    return made && framebuffer_create_resources(driver);
}

// Tears down what screen_init made, in the reverse order; also what it only began.
static void close_parts(struct driver *driver) {
    viewers_stop(driver);
    vblank_close(driver);
    video_close(driver);
    framebuffer_close(driver);
    cursor_close(driver);
    object_destroy(driver);
}

static Bool close_screen(ScreenPtr screen) {
    struct driver *driver = driver_of_screen(screen);
    screen->BlockHandler = driver->block_handler;
    screen->WakeupHandler = driver->wakeup_handler;
    screen->CreateScreenResources = driver->create_screen_resources;
    screen->SetCursorPosition = driver->set_cursor_position;
    screen->CloseScreen = driver->close_screen;
    // The lower layers may still draw into the frame buffer: it goes last.
    Bool closed = screen->CloseScreen(screen);
    close_parts(driver);
    driver->screen = NULL;
    driver->scrn->vtSema = FALSE;
    return closed;
}

static Bool save_screen(ScreenPtr screen, int mode) {
    (void)screen;
    (void)mode;
    return TRUE; // what is dark is the viewer's affair
}

static Bool switch_mode(ScrnInfoPtr scrn, DisplayModePtr mode) {
    return xf86SetSingleMode(scrn, mode, RR_Rotate_0);
}

static void adjust_frame(ScrnInfoPtr scrn, int x, int y) {
    (void)scrn;
    (void)x;
    (void)y;
}

static Bool enter_vt(ScrnInfoPtr scrn) {
    (void)scrn;
    return TRUE;
}

static void leave_vt(ScrnInfoPtr scrn) { (void)scrn; }

static ModeStatus valid_mode(ScrnInfoPtr scrn, DisplayModePtr mode, Bool verbose, int flags) {
    (void)scrn;
    (void)mode;
    (void)verbose;
    (void)flags;
    return MODE_OK;
}

// A program moved the pointer: a viewer may want to move its own there.
static Bool set_cursor_position(DeviceIntPtr device, ScreenPtr screen, int x, int y, Bool generate_event) {
    struct driver *driver = driver_of_screen(screen);
    screen->SetCursorPosition = driver->set_cursor_position;
    Bool set = screen->SetCursorPosition(device, screen, x, y, generate_event);
    driver->set_cursor_position = screen->SetCursorPosition;
    screen->SetCursorPosition = set_cursor_position;
    if (generate_event && driver->object) {
        uint32_t *warps = &driver->object->server.warps;
        __atomic_store_n(warps, *warps + 1, __ATOMIC_RELEASE);
        object_tell(driver);
    }
    return set;
}

static Bool init_visuals(ScreenPtr screen, ScrnInfoPtr scrn) {
    miClearVisualTypes();
    return miSetVisualTypes(scrn->depth, miGetDefaultVisualMask(scrn->depth), scrn->rgbBits, scrn->defaultVisual) &&
           miSetPixmapDepths() &&
           fbScreenInit(screen, (char *)driver_of(scrn)->object + framebuffer_offset(driver_of(scrn)), scrn->virtualX,
               scrn->virtualY, scrn->xDpi, scrn->yDpi, scrn->displayWidth, scrn->bitsPerPixel);
}

// fb does not know which bits are which colour.
static void set_colours(ScreenPtr screen, ScrnInfoPtr scrn) {
    for (VisualPtr visual = screen->visuals; visual < screen->visuals + screen->numVisuals; visual++) {
        if ((visual->class | DynamicClass) != DirectColor) continue;
        visual->offsetRed = scrn->offset.red;
        visual->offsetGreen = scrn->offset.green;
        visual->offsetBlue = scrn->offset.blue;
        visual->redMask = scrn->mask.red;
        visual->greenMask = scrn->mask.green;
        visual->blueMask = scrn->mask.blue;
    }
}

Bool screen_init(ScreenPtr screen, int argc, char **argv) {
    (void)argc;
    (void)argv;
    ScrnInfoPtr scrn = xf86ScreenToScrn(screen);
    struct driver *driver = driver_of(scrn);
    driver->screen = screen;
    if (!object_create(driver) || !framebuffer_init(driver) || !init_visuals(screen, scrn)) {
        close_parts(driver);
        return FALSE;
    }
    set_colours(screen, scrn);
    fbPictureInit(screen, NULL, 0);
    puts_init(screen);
    xf86SetBlackWhitePixels(screen);
    xf86SetBackingStore(screen);
    miDCInitialize(screen, xf86GetPointerScreenFuncs());
    scrn->vtSema = TRUE;
    scrn->SwitchMode = switch_mode;
    scrn->AdjustFrame = adjust_frame;
    scrn->EnterVT = enter_vt;
    scrn->LeaveVT = leave_vt;
    scrn->ValidMode = valid_mode;
    screen->SaveScreen = save_screen;
    if (!cursor_init(driver) || !xf86CrtcScreenInit(screen) || !xf86SetDesiredModes(scrn) ||
        !miCreateDefColormap(screen) || !video_init(driver) || !vblank_init(driver))
        return FALSE; // fatal to the server

    driver->block_handler = screen->BlockHandler;
    screen->BlockHandler = block_handler;
    driver->wakeup_handler = screen->WakeupHandler;
    screen->WakeupHandler = wakeup_handler;
    driver->create_screen_resources = screen->CreateScreenResources;
    screen->CreateScreenResources = create_screen_resources;
    driver->set_cursor_position = screen->SetCursorPosition;
    screen->SetCursorPosition = set_cursor_position;
    driver->close_screen = screen->CloseScreen;
    screen->CloseScreen = close_screen;
    return viewers_start(driver);
}
