// Plays a file through a queue of OpenAL buffers.
#include "sound_file.h"

#include <AL/al.h>
#include <AL/alc.h>
#include <time.h>

enum { BUFFERS = 4, BUFFER_FRAMES = 4096 };

static int fill(ALuint buffer, struct sound_file *sound) {
    static int16_t frames[BUFFER_FRAMES * CHANNELS];
    size_t count = next_frames(sound, frames, BUFFER_FRAMES);
    if (count) alBufferData(buffer, AL_FORMAT_STEREO16, frames, (ALsizei)(count * 4), RATE);
    return count > 0;
}

int main(int count, char **arguments) {
    struct sound_file sound = read_sound(count > 1 ? arguments[1] : NULL);
    ALCdevice *device = alcOpenDevice(NULL);
    if (!device) fail("OpenAL", "no device");
    const ALCint attributes[] = {ALC_FREQUENCY, RATE, 0};
    ALCcontext *context = alcCreateContext(device, attributes);
    if (!context || !alcMakeContextCurrent(context)) fail("OpenAL", "no context");
    ALuint source, buffers[BUFFERS];
    alGenSources(1, &source);
    alGenBuffers(BUFFERS, buffers);
    for (int i = 0; i < BUFFERS; i++)
        if (fill(buffers[i], &sound)) alSourceQueueBuffers(source, 1, &buffers[i]);
    alSourcePlay(source);
    for (ALint state = AL_PLAYING; state == AL_PLAYING;) {
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        ALint done;
        alGetSourcei(source, AL_BUFFERS_PROCESSED, &done);
        for (; done > 0; done--) {
            ALuint buffer;
            alSourceUnqueueBuffers(source, 1, &buffer);
            if (fill(buffer, &sound)) alSourceQueueBuffers(source, 1, &buffer);
        }
        alGetSourcei(source, AL_SOURCE_STATE, &state);
    }
    // What was mixed is not yet what was heard: closing would throw it away.
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    int is_error = alGetError() != AL_NO_ERROR;
    alcMakeContextCurrent(NULL);
    alcDestroyContext(context);
    alcCloseDevice(device);
    return is_error || sound.played != sound.frames;
}
