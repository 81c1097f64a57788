// The clock that Present runs by: as many ticks a second as the fastest viewer's display has. There is no vertical blank
// to wait for; a timer stands for it, armed only while somebody waits.
#include "driver.h"

#include <errno.h>
#include <present.h>
#include <stdlib.h>
#include <sys/timerfd.h>

struct wait {
    struct wait *next;
    uint64_t event_id, msc;
};

struct vblank {
    int timer;
    // The tick `msc` was, or will be, at `ust`; the others follow from the period.
    uint64_t ust_ns, msc;
    uint64_t period_ns;
    uint32_t refresh_mhz;
    struct wait *waits; // in no order: few programs wait at a time
    struct present_screen_info info;
};

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now); // what Present calls UST, in µs
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t tick_at(const struct vblank *vblank, uint64_t ns) {
    return ns <= vblank->ust_ns ? vblank->msc : vblank->msc + (ns - vblank->ust_ns) / vblank->period_ns;
}

static uint64_t time_of(const struct vblank *vblank, uint64_t msc) {
    return msc <= vblank->msc ? vblank->ust_ns : vblank->ust_ns + (msc - vblank->msc) * vblank->period_ns;
}

static void arm(struct vblank *vblank) {
    struct itimerspec at = {0};
    if (vblank->waits) {
        uint64_t first = UINT64_MAX;
        for (const struct wait *wait = vblank->waits; wait; wait = wait->next)
            if (wait->msc < first) first = wait->msc;
        uint64_t limit = tick_at(vblank, now_ns()) + 1000000; // a wait for the far future is looked at again
        uint64_t ns = time_of(vblank, first < limit ? first : limit);
        at.it_value.tv_sec = (time_t)(ns / 1000000000u);
        at.it_value.tv_nsec = (long)(ns % 1000000000u);
        if (ns == 0) at.it_value.tv_nsec = 1;
    }
    timerfd_settime(vblank->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void ticked(int timer, int ready, void *data) {
    (void)ready;
    struct vblank *vblank = data;
    uint64_t expired;
    ssize_t ignored = read(timer, &expired, sizeof expired);
    (void)ignored;
    uint64_t msc = tick_at(vblank, now_ns());
    // Whoever is told may wait anew at once: first take out those that are due.
    struct wait *due = NULL;
    for (struct wait **at = &vblank->waits; *at;) {
        struct wait *wait = *at;
        if (wait->msc > msc) {
            at = &wait->next;
            continue;
        }
        *at = wait->next;
        wait->next = due;
        due = wait;
    }
    while (due) {
        struct wait *wait = due;
        due = wait->next;
        present_event_notify(wait->event_id, time_of(vblank, msc) / 1000, msc);
        free(wait);
    }
    arm(vblank);
}

static struct vblank *vblank_of(RRCrtcPtr crtc) { return driver_of_screen(crtc->pScreen)->vblank; }

// The CRTC that shows the largest part of the window; without one Present makes do with a clock of its own.
static RRCrtcPtr get_crtc(WindowPtr window) {
    struct driver *driver = driver_of_screen(window->drawable.pScreen);
    const DrawableRec *drawable = &window->drawable;
    RRCrtcPtr best = NULL;
    int64_t largest = 0;
    for (uint32_t n = 0; n < DISPLAY_OUTPUTS; n++) {
        const xf86CrtcRec *crtc = driver->outputs[n].crtc;
        if (!crtc->enabled) continue;
        if (!best) best = crtc->randr_crtc;
        int64_t x1 = max(crtc->x, drawable->x), x2 = min(crtc->x + crtc->mode.HDisplay, drawable->x + drawable->width);
        int64_t y1 = max(crtc->y, drawable->y), y2 = min(crtc->y + crtc->mode.VDisplay, drawable->y + drawable->height);
        if (x1 >= x2 || y1 >= y2 || (x2 - x1) * (y2 - y1) <= largest) continue;
        largest = (x2 - x1) * (y2 - y1);
        best = crtc->randr_crtc;
    }
    return best;
}

static int get_ust_msc(RRCrtcPtr crtc, uint64_t *ust, uint64_t *msc) {
    const struct vblank *vblank = vblank_of(crtc);
    *msc = tick_at(vblank, now_ns());
    *ust = time_of(vblank, *msc) / 1000;
    return Success;
}

static int queue(RRCrtcPtr crtc, uint64_t event_id, uint64_t msc) {
    struct vblank *vblank = vblank_of(crtc);
    struct wait *wait = malloc(sizeof *wait);
    if (!wait) return BadAlloc;
    *wait = (struct wait){.next = vblank->waits, .event_id = event_id, .msc = msc};
    vblank->waits = wait;
    arm(vblank);
    return Success;
}

static void abort_wait(RRCrtcPtr crtc, uint64_t event_id, uint64_t msc) {
    (void)msc;
    struct vblank *vblank = vblank_of(crtc);
    for (struct wait **at = &vblank->waits; *at; at = &(*at)->next) {
        struct wait *wait = *at;
        if (wait->event_id != event_id) continue;
        *at = wait->next;
        free(wait);
        arm(vblank);
        return;
    }
}

static void flush(WindowPtr window) { (void)window; } // the frame buffer is memory

Bool vblank_init(struct driver *driver) {
    struct vblank *vblank = calloc(1, sizeof *vblank);
    if (!vblank) return FALSE;
    vblank->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (vblank->timer < 0) {
        free(vblank);
        return FALSE;
    }
    vblank->ust_ns = now_ns();
    vblank->msc = 1;
    vblank->refresh_mhz = DISPLAY_DEFAULT_REFRESH_MHZ;
    vblank->period_ns = 1000000000000u / vblank->refresh_mhz;
    vblank->info = (struct present_screen_info){
        .version = PRESENT_SCREEN_INFO_VERSION,
        .get_crtc = get_crtc,
        .get_ust_msc = get_ust_msc,
        .queue_vblank = queue,
        .abort_vblank = abort_wait,
        .flush = flush,
        .capabilities = PresentCapabilityNone,
    };
    driver->vblank = vblank;
    SetNotifyFd(vblank->timer, ticked, X_NOTIFY_READ, vblank);
    return present_screen_init(driver->screen, &vblank->info);
}

void vblank_rate(struct driver *driver, uint32_t refresh_mhz) {
    struct vblank *vblank = driver->vblank;
    if (!vblank || vblank->refresh_mhz == refresh_mhz) return;
    // The count goes on from the tick that was last.
    uint64_t msc = tick_at(vblank, now_ns());
    vblank->ust_ns = time_of(vblank, msc);
    vblank->msc = msc;
    vblank->refresh_mhz = refresh_mhz;
    vblank->period_ns = 1000000000000u / refresh_mhz;
    arm(vblank);
}

void vblank_close(struct driver *driver) {
    struct vblank *vblank = driver->vblank;
    if (!vblank) return;
    RemoveNotifyFd(vblank->timer);
    close(vblank->timer);
    while (vblank->waits) {
        struct wait *wait = vblank->waits;
        vblank->waits = wait->next;
        free(wait);
    }
    free(vblank);
    driver->vblank = NULL;
}
