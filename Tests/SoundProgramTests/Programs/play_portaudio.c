// Plays a file through PortAudio's ALSA host: with a callback, or by blocking writes.
#include "sound_file.h"

#include <portaudio.h>

// PortAudio never drains ALSA, it drops: silence has to push out what is queued.
enum { PERIOD = 1024, TAIL = RATE / 2 / PERIOD };

static unsigned int silent_periods;

static PaError check(PaError error, const char *what) {
    // Pa_WriteStream's word for an xrun: it has gone on by itself, and the comparison shows what it cost.
    if (error != paNoError && error != paOutputUnderflowed) fail(what, Pa_GetErrorText(error));
    if (error != paNoError) fprintf(stderr, "%s: %s\n", what, Pa_GetErrorText(error));
    return error;
}

static int fill(
    const void *input, void *output, unsigned long frames, const PaStreamCallbackTimeInfo *times,
    PaStreamCallbackFlags flags, void *context) {
    (void)input, (void)times, (void)flags;
    struct sound_file *sound = (struct sound_file *)context;
    return next_frames(sound, (int16_t *)output, frames) || ++silent_periods < TAIL ? paContinue : paComplete;
}

static PaDeviceIndex device_named(const char *name) {
    for (PaDeviceIndex i = 0; i < Pa_GetDeviceCount(); i++)
        if (!strcmp(Pa_GetDeviceInfo(i)->name, name)) return i;
    fail("PortAudio does not list", name);
    return paNoDevice;
}

int main(int count, char **arguments) {
    if (count != 4) fail(arguments[0], "callback|blocking DEVICE FILE");
    int is_blocking = !strcmp(arguments[1], "blocking");
    struct sound_file sound = read_sound(arguments[3]);
    check(Pa_Initialize(), "initialize");
    PaStreamParameters parameters = {
        .device = device_named(arguments[2]), .channelCount = CHANNELS, .sampleFormat = paInt16, .suggestedLatency = 0.3};
    PaStream *stream;
    check(
        Pa_OpenStream(
            &stream, NULL, &parameters, RATE, PERIOD, paClipOff | paDitherOff, is_blocking ? NULL : fill, &sound),
        "open");
    check(Pa_StartStream(stream), "start");
    if (is_blocking) {
        int16_t frames[PERIOD * CHANNELS];
        while (next_frames(&sound, frames, PERIOD) || ++silent_periods < TAIL) check(Pa_WriteStream(stream, frames, PERIOD), "write");
    } else {
        while (Pa_IsStreamActive(stream) == 1) Pa_Sleep(10);
    }
    check(Pa_StopStream(stream), "stop");
    check(Pa_CloseStream(stream), "close");
    Pa_Terminate();
    return 0;
}
