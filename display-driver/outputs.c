// RandR. As many outputs as a viewer may have, each with a CRTC of its own; only those that a viewer asks for are
// connected. Programs in the pod may set any mode, and any size of the screen, as on hardware.
#include "driver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// Offered besides what a viewer wants, so that a program finds what it is used to.
static const struct {
    uint16_t width, height;
} common_sizes[] = {
    {640, 480},
    {800, 600},
    {1024, 768},
    {1280, 720},
    {1280, 800},
    {1280, 1024},
    {1366, 768},
    {1440, 900},
    {1600, 900},
    {1680, 1050},
    {1920, 1080},
    {1920, 1200},
    {2560, 1440},
    {2560, 1600},
    {3840, 2160},
};

static struct output *output_of(xf86OutputPtr output) { return output->driver_private; }

// ------------------------------------------------------------------------------------------------------------ modes

// A mode without blanking: there is no tube.
static DisplayModePtr new_mode(uint32_t width, uint32_t height, uint32_t refresh_mhz, int type) {
    DisplayModePtr mode = calloc(1, sizeof *mode);
    char *name = NULL;
    if (!mode || asprintf(&name, "%ux%u", width, height) < 0) {
        free(mode);
        return NULL;
    }
    // RandR counts the clock in Hz, in 32 bits: the largest screens have fewer pictures a second, on paper.
    uint64_t clock = (uint64_t)width * height * refresh_mhz / 1000000u;
    if (clock > 4290000u) clock = 4290000u;
    mode->name = name;
    mode->type = M_T_DRIVER | type;
    mode->Clock = clock > 0 ? (int)clock : 1;
    mode->HDisplay = mode->HSyncStart = mode->HSyncEnd = mode->HTotal = (int)width;
    mode->VDisplay = mode->VSyncStart = mode->VSyncEnd = mode->VTotal = (int)height;
    mode->VRefresh = (float)refresh_mhz / 1000.0f;
    return mode;
}

static xf86OutputStatus output_detect(xf86OutputPtr output) {
    return output_of(output)->connected ? XF86OutputStatusConnected : XF86OutputStatusDisconnected;
}

static DisplayModePtr output_modes(xf86OutputPtr output) {
    const struct output *own = output_of(output);
    output->mm_width = (int)own->mm_width;
    output->mm_height = (int)own->mm_height;
    DisplayModePtr modes = new_mode(own->width, own->height, own->refresh_mhz, M_T_PREFERRED);
    for (size_t n = 0; n < sizeof common_sizes / sizeof *common_sizes; n++) {
        uint32_t width = common_sizes[n].width, height = common_sizes[n].height;
        if (width == own->width && height == own->height) continue;
        DisplayModePtr mode = new_mode(width, height, DISPLAY_DEFAULT_REFRESH_MHZ, 0);
        if (mode) modes = xf86ModesAdd(modes, mode);
    }
    return modes;
}

static int output_mode_valid(xf86OutputPtr output, DisplayModePtr mode) {
    (void)output;
    return mode->HDisplay <= (int)DISPLAY_MAX_EXTENT && mode->VDisplay <= (int)DISPLAY_MAX_EXTENT ? MODE_OK : MODE_BAD;
}

static void output_dpms(xf86OutputPtr output, int mode) {
    (void)output;
    (void)mode;
}

static void output_destroy(xf86OutputPtr output) { (void)output; }

static const xf86OutputFuncsRec output_funcs = {
    .dpms = output_dpms,
    .mode_valid = output_mode_valid,
    .detect = output_detect,
    .get_modes = output_modes,
    .destroy = output_destroy,
};

// ------------------------------------------------------------------------------------------------------------ CRTCs

static Bool crtc_set_mode(xf86CrtcPtr crtc, DisplayModePtr mode, Rotation rotation, int x, int y) {
    (void)mode;
    (void)rotation;
    (void)x;
    (void)y;
    struct driver *driver = driver_of(crtc->scrn);
    // Where it shows from is written when the server goes to sleep, with the rest.
    if (driver->object) framebuffer_changed(driver);
    return TRUE;
}

static void crtc_dpms(xf86CrtcPtr crtc, int mode) {
    (void)mode;
    struct driver *driver = driver_of(crtc->scrn);
    if (driver->object) framebuffer_changed(driver);
}

static void crtc_gamma(xf86CrtcPtr crtc, CARD16 *red, CARD16 *green, CARD16 *blue, int size) {
    (void)crtc;
    (void)red;
    (void)green;
    (void)blue;
    (void)size; // a host's colours are the host's affair
}

static void crtc_destroy(xf86CrtcPtr crtc) { (void)crtc; }

static const xf86CrtcFuncsRec crtc_funcs = {
    .dpms = crtc_dpms,
    .gamma_set = crtc_gamma,
    .destroy = crtc_destroy,
    .set_mode_major = crtc_set_mode,
};

static Bool resize(ScrnInfoPtr scrn, int width, int height) {
    if (width < 1 || height < 1) return FALSE;
    return framebuffer_resize(driver_of(scrn), (uint32_t)width, (uint32_t)height);
}

static const xf86CrtcConfigFuncsRec config_funcs = {.resize = resize};

Bool outputs_pre_init(struct driver *driver, uint32_t width, uint32_t height) {
    ScrnInfoPtr scrn = driver->scrn;
    xf86CrtcConfigInit(scrn, &config_funcs);
    xf86CrtcSetSizeRange(scrn, 1, 1, (int)DISPLAY_MAX_EXTENT, (int)DISPLAY_MAX_EXTENT);
    for (uint32_t n = 0; n < DISPLAY_OUTPUTS; n++) {
        struct output *own = &driver->outputs[n];
        char name[16];
        snprintf(name, sizeof name, "MediaPod-%u", n + 1);
        own->crtc = xf86CrtcCreate(scrn, &crtc_funcs);
        own->output = xf86OutputCreate(scrn, &output_funcs, name);
        if (!own->crtc || !own->output) return FALSE;
        own->crtc->driver_private = own;
        own->output->driver_private = own;
        own->output->possible_crtcs = 1u << n;
        own->connected = n == 0;
        own->width = width;
        own->height = height;
        own->refresh_mhz = DISPLAY_DEFAULT_REFRESH_MHZ;
    }
    if (xf86InitialConfiguration(scrn, TRUE)) return TRUE;
    xf86DrvMsg(scrn->scrnIndex, X_ERROR, "no output can show %ux%u\n", width, height);
    return FALSE;
}

// ------------------------------------------------------------------------------------------------------ the record

void outputs_describe(struct driver *driver, struct display_screen *screen) {
    rrScrPrivPtr randr = rrGetScrPriv(driver->screen);
    for (uint32_t n = 0; n < DISPLAY_OUTPUTS; n++) {
        const struct output *own = &driver->outputs[n];
        const xf86CrtcRec *crtc = own->crtc;
        if (!crtc->enabled || own->output->crtc != crtc) continue;
        // A screen may be smaller than its outputs for a moment, or for good if a program wants it so.
        struct display_output shown = {.x = crtc->x, .y = crtc->y};
        if (shown.x < 0 || shown.y < 0 || (uint32_t)shown.x >= screen->width || (uint32_t)shown.y >= screen->height)
            continue;
        shown.width = (uint32_t)crtc->mode.HDisplay;
        shown.height = (uint32_t)crtc->mode.VDisplay;
        if (shown.width > screen->width - (uint32_t)shown.x) shown.width = screen->width - (uint32_t)shown.x;
        if (shown.height > screen->height - (uint32_t)shown.y) shown.height = screen->height - (uint32_t)shown.y;
        shown.mm_width = own->mm_width;
        shown.mm_height = own->mm_height;
        shown.refresh_mhz = own->refresh_mhz;
        if (randr && randr->primaryOutput && randr->primaryOutput == own->output->randr_output)
            shown.flags = DISPLAY_OUTPUT_PRIMARY;
        snprintf(shown.name, sizeof shown.name, "%s", own->output->name);
        screen->outputs[screen->output_count++] = shown;
    }
}

// ------------------------------------------------------------------------------------------- what a viewer asks for

static Bool layout_size(const struct display_layout *layout, uint32_t *width, uint32_t *height) {
    const int32_t limit = (int32_t)DISPLAY_MAX_EXTENT;
    *width = *height = 0;
    if (layout->output_count < 1 || layout->output_count > DISPLAY_OUTPUTS) return FALSE;
    for (uint32_t n = 0; n < layout->output_count; n++) {
        const struct display_output *wanted = &layout->outputs[n];
        if (wanted->x < 0 || wanted->x >= limit || wanted->y < 0 || wanted->y >= limit) return FALSE;
        if (wanted->width < 1 || wanted->width > DISPLAY_MAX_EXTENT - (uint32_t)wanted->x) return FALSE;
        if (wanted->height < 1 || wanted->height > DISPLAY_MAX_EXTENT - (uint32_t)wanted->y) return FALSE;
        if ((uint32_t)wanted->x + wanted->width > *width) *width = (uint32_t)wanted->x + wanted->width;
        if ((uint32_t)wanted->y + wanted->height > *height) *height = (uint32_t)wanted->y + wanted->height;
    }
    return TRUE;
}

static void set_wanted(struct output *own, const struct display_output *wanted) {
    own->connected = wanted != NULL;
    if (!wanted) return;
    own->width = wanted->width;
    own->height = wanted->height;
    own->mm_width = wanted->mm_width <= 65535 ? wanted->mm_width : 0;
    own->mm_height = wanted->mm_height <= 65535 ? wanted->mm_height : 0;
    own->refresh_mhz = wanted->refresh_mhz;
    if (own->refresh_mhz < DISPLAY_MIN_REFRESH_MHZ || own->refresh_mhz > DISPLAY_MAX_REFRESH_MHZ)
        own->refresh_mhz = DISPLAY_DEFAULT_REFRESH_MHZ;
}

static RRModePtr mode_of(RROutputPtr output, uint32_t width, uint32_t height) {
    for (int n = 0; n < output->numModes; n++)
        if (output->modes[n]->mode.width == width && output->modes[n]->mode.height == height) return output->modes[n];
    return NULL;
}

// Millimetres of the whole screen: the first output's scale, else 96 dots an inch.
static uint32_t millimetres(uint32_t pixels, uint32_t output_pixels, uint32_t output_mm) {
    uint64_t result = output_mm ? (uint64_t)pixels * output_mm / output_pixels : (uint64_t)pixels * 254 / 960;
    return result > 0 ? (uint32_t)result : 1;
}

static int set_crtc(struct driver *driver, uint32_t n, const struct display_output *wanted) {
    RRCrtcPtr crtc = driver->outputs[n].crtc->randr_crtc;
    RROutputPtr output = driver->outputs[n].output->randr_output;
    if (!wanted) return RRCrtcSet(crtc, NULL, 0, 0, RR_Rotate_0, 0, NULL) ? 0 : EBUSY;
    RRModePtr mode = mode_of(output, wanted->width, wanted->height);
    return mode && RRCrtcSet(crtc, mode, wanted->x, wanted->y, RR_Rotate_0, 1, &output) ? 0 : EBUSY;
}

// There is no function for it but the request's own steps.
static void set_primary(struct driver *driver, const struct display_layout *layout) {
    uint32_t primary = 0;
    for (uint32_t n = layout->output_count; n-- > 0;)
        if (layout->outputs[n].flags & DISPLAY_OUTPUT_PRIMARY) primary = n;
    rrScrPrivPtr randr = rrGetScrPriv(driver->screen);
    RROutputPtr output = driver->outputs[primary].output->randr_output;
    if (randr->primaryOutput == output) return;
    if (randr->primaryOutput) RROutputChanged(randr->primaryOutput, FALSE);
    randr->primaryOutput = output;
    RROutputChanged(output, FALSE);
    randr->layoutChanged = TRUE;
}

int outputs_apply(struct driver *driver, const struct display_layout *layout) {
    uint32_t width, height;
    if (!layout_size(layout, &width, &height)) return EINVAL;
    ScreenPtr screen = driver->screen;
    struct output before[DISPLAY_OUTPUTS];
    memcpy(before, driver->outputs, sizeof before);
    for (uint32_t n = 0; n < DISPLAY_OUTPUTS; n++)
        set_wanted(&driver->outputs[n], n < layout->output_count ? &layout->outputs[n] : NULL);
    const struct display_output *first = &layout->outputs[0];
    uint32_t mm_width = millimetres(width, first->width, driver->outputs[0].mm_width);
    uint32_t mm_height = millimetres(height, first->height, driver->outputs[0].mm_height);
    // The size first: it is all that can fail. Not when it stays: every window would be hidden and shown again.
    if (screen->width == (int)width && screen->height == (int)height) {
        screen->mmWidth = (CARD16)mm_width;
        screen->mmHeight = (CARD16)mm_height;
        RRScreenSizeNotify(screen);
    } else if (!RRScreenSizeSet(screen, (CARD16)width, (CARD16)height, mm_width, mm_height)) {
        memcpy(driver->outputs, before, sizeof before);
        return ENOMEM;
    }
    RRGetInfo(screen, TRUE); // asks the outputs for their modes anew, and tells the programs
    int error = 0;
    for (uint32_t n = 0; n < DISPLAY_OUTPUTS; n++) {
        int failed = set_crtc(driver, n, n < layout->output_count ? &layout->outputs[n] : NULL);
        if (!error) error = failed;
    }
    set_primary(driver, layout);
    RRTellChanged(screen);
    framebuffer_changed(driver);
    return error;
}
