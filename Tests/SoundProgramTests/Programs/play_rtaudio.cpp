// Plays a file through RtAudio's ALSA host.
#include "sound_file.h"

#include <RtAudio.h>
#include <unistd.h>

static int fill(void *output, void *, unsigned int frames, double, RtAudioStreamStatus, void *context) {
    auto *sound = static_cast<sound_file *>(context);
    // 1: play what is queued, then stop.
    return next_frames(sound, static_cast<int16_t *>(output), frames) == frames ? 0 : 1;
}

int main(int count, char **arguments) {
    sound_file sound = read_sound(count > 1 ? arguments[1] : nullptr);
    try {
        RtAudio audio(RtAudio::LINUX_ALSA);
        RtAudio::StreamParameters parameters;
        parameters.deviceId = audio.getDefaultOutputDevice();
        parameters.nChannels = CHANNELS;
        unsigned int frames = 2048;
        audio.openStream(&parameters, nullptr, RTAUDIO_SINT16, RATE, &frames, &fill, &sound);
        audio.startStream();
        while (audio.isStreamRunning()) usleep(10000);
        audio.closeStream();
    } catch (const RtAudioError &error) {
        fail("RtAudio", error.what());
    }
    return 0;
}
