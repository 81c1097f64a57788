// Locked modifiers and the layout group, set as XkbLockModifiers and XkbLockGroup do: a host's may have been changed while
// its focus was elsewhere, or by an applet and no key at all.
#include "driver.h"

#include <string.h>
#include <xkbsrv.h>

static void set(DeviceIntPtr device, uint8_t group, uint8_t modifiers) {
    XkbSrvInfoPtr info = device->key->xkbInfo;
    XkbStateRec before = info->state;
    info->state.locked_group = group;
    info->state.locked_mods = modifiers;
    XkbComputeDerivedState(info);
    unsigned changed = (unsigned)XkbStateChangedFlags(&before, &info->state);
    if (changed == 0) return;
    xkbStateNotify notify = {.changed = (CARD16)changed};
    XkbSendStateNotify(device, &notify);
    changed = (unsigned)XkbIndicatorsToUpdate(device, changed, FALSE);
    if (changed == 0) return;
    XkbEventCauseRec cause;
    memset(&cause, 0, sizeof cause);
    XkbUpdateIndicators(device, changed, TRUE, NULL, &cause);
}

void locks_set(struct driver *driver, uint32_t group, uint32_t modifiers) {
    if (!driver->keyboard) return;
    input_flush(driver); // keys that came before are to find what they were pressed with
    DeviceIntPtr master = GetMaster(driver->keyboard, MASTER_KEYBOARD);
    for (DeviceIntPtr device = inputInfo.devices; device; device = device->next) {
        Bool ours = device == driver->keyboard || (master && device == master);
        if (ours && device->key && device->key->xkbInfo) set(device, (uint8_t)(group & 3u), (uint8_t)modifiers);
    }
}
