// Plays a file through SDL2's callback.
#include "sound_file.h"

#include <SDL2/SDL.h>

static SDL_atomic_t silent_periods;

static void fill(void *context, Uint8 *target, int bytes) {
    if (!next_frames((struct sound_file *)context, (int16_t *)(void *)target, (size_t)bytes / 4))
        SDL_AtomicAdd(&silent_periods, 1);
}

int main(int count, char **arguments) {
    struct sound_file sound = read_sound(count > 1 ? arguments[1] : NULL);
    if (SDL_Init(SDL_INIT_AUDIO)) fail("SDL", SDL_GetError());
    SDL_AudioSpec spec = {
        .freq = RATE, .format = AUDIO_S16SYS, .channels = CHANNELS, .samples = 1024, .callback = fill, .userdata = &sound};
    SDL_AudioDeviceID device = SDL_OpenAudioDevice(NULL, 0, &spec, NULL, 0);
    if (!device) fail("SDL", SDL_GetError());
    SDL_PauseAudioDevice(device, 0);
    // Closing throws away what ALSA still holds: let silence push it out.
    while (SDL_AtomicGet(&silent_periods) < 8) SDL_Delay(10);
    SDL_CloseAudioDevice(device);
    SDL_Quit();
    return 0;
}
