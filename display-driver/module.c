// What the server's loader sees: one module that is both the video and the input driver.
#include "driver.h"

#include <xf86Module.h>

static const OptionInfoRec *available_options(int chip, int bus);

static void identify(int flags) {
    (void)flags;
    xf86Msg(X_INFO, DRIVER_NAME ": a screen in shared memory\n");
}

static Bool probe(DriverPtr driver, int flags) {
    GDevPtr *sections;
    int count = xf86MatchDevice(DRIVER_NAME, &sections);
    if (count <= 0) return FALSE;
    // One screen: its object has one path, and input devices belong to it.
    Bool claimed = !(flags & PROBE_DETECT);
    if (claimed) {
        int entity = xf86ClaimNoSlot(driver, 0, sections[0], TRUE);
        ScrnInfoPtr scrn = xf86AllocateScreen(driver, 0);
        if (scrn) {
            xf86AddEntityToScreen(scrn, entity);
            scrn->driverVersion = 1;
            scrn->driverName = DRIVER_NAME;
            scrn->name = DRIVER_NAME;
            scrn->PreInit = screen_pre_init;
            scrn->ScreenInit = screen_init;
        }
        claimed = scrn != NULL;
    }
    free(sections);
    return claimed || (flags & PROBE_DETECT);
}

static Bool driver_func(ScrnInfoPtr scrn, xorgDriverFuncOp operation, void *argument) {
    (void)scrn;
    if (operation != GET_REQUIRED_HW_INTERFACES) return FALSE;
    // No console, no VT, no I/O ports: an ordinary user's server.
    *(xorgHWFlags *)argument = HW_SKIP_CONSOLE;
    return TRUE;
}

static DriverRec video_driver = {
    .driverVersion = 1,
    .driverName = DRIVER_NAME,
    .Identify = identify,
    .Probe = probe,
    .AvailableOptions = available_options,
    .driverFunc = driver_func,
};

static const OptionInfoRec *available_options(int chip, int bus) {
    (void)chip;
    (void)bus;
    return NULL;
}

static void *setup(void *module, void *options, int *major, int *minor) {
    (void)options;
    (void)major;
    (void)minor;
    static Bool done = FALSE;
    if (done) return NULL;
    done = TRUE;
    xf86AddDriver(&video_driver, module, HaveDriverFuncs);
    xf86AddInputDriver(&input_driver, module, 0);
    return module;
}

static XF86ModuleVersionInfo version = {
    .modname = DRIVER_NAME,
    .vendor = "MediaPod",
    ._modinfo1_ = MODINFOSTRING1,
    ._modinfo2_ = MODINFOSTRING2,
    .xf86version = XORG_VERSION_CURRENT,
    .majorversion = 1,
    .abiclass = ABI_CLASS_VIDEODRV,
    .abiversion = ABI_VIDEODRV_VERSION,
    .moduleclass = MOD_CLASS_VIDEODRV,
};

_X_EXPORT XF86ModuleData mediapodModuleData = {.vers = &version, .setup = setup};
