// An ALSA PCM that has every rate until one is asked for: no real card can be had that refuses them all.

#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>
#include <errno.h>
#include <stdlib.h>

static int start(snd_pcm_ioplug_t *io)
{
    (void)io;
    return 0;
}

static snd_pcm_sframes_t pointer(snd_pcm_ioplug_t *io)
{
    (void)io;
    return 0;
}

static int hw_params(snd_pcm_ioplug_t *io, snd_pcm_hw_params_t *params)
{
    (void)io;
    (void)params;
    return -EINVAL;
}

static int close_pcm(snd_pcm_ioplug_t *io)
{
    free(io->private_data);
    return 0;
}

static const snd_pcm_ioplug_callback_t callbacks = {
    .start = start, .stop = start, .pointer = pointer, .hw_params = hw_params, .close = close_pcm};

SND_PCM_PLUGIN_DEFINE_FUNC(refuser)
{
    (void)root;
    (void)conf;
    snd_pcm_ioplug_t *io = calloc(1, sizeof *io);
    if (io == NULL)
        return -ENOMEM;
    io->version = SND_PCM_IOPLUG_VERSION;
    io->name = "refuser";
    io->callback = &callbacks;
    io->private_data = io;
    int error = snd_pcm_ioplug_create(io, name, stream, mode);
    if (error < 0) {
        free(io);
        return error;
    }
    const unsigned access[] = {SND_PCM_ACCESS_RW_INTERLEAVED};
    const unsigned format[] = {SND_PCM_FORMAT_S16_LE};
    snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_ACCESS, 1, access);
    snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_FORMAT, 1, format);
    snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_CHANNELS, 2, 2);
    snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_RATE, 8000, 192000);
    *pcmp = io->pcm;
    return 0;
}
SND_PCM_PLUGIN_SYMBOL(refuser);
