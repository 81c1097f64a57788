# shellcheck shell=bash
# PipeWire's own PCM for ALSA, a peer of `make bench-sound`. Sourced by setup.sh, which has the functions used here.
#
# Debian's package conflicts with pulseaudio, which the tests need, and a file of it in /etc/alsa/conf.d makes that PCM
# the default one of every program of the host. So only the plugin is taken out of the package, to a folder where alsa-lib
# does not look; the benchmark's programs load it by a configuration of their own.
# shellcheck disable=SC2154 # $scratch and $apt_reason are setup.sh's
pipewire_alsa=/opt/mediapod/peers/pipewire-alsa

install_pipewire_alsa() {
    local version plugin=libasound_module_pcm_pipewire.so
    # The package depends on just this version of PipeWire.
    # shellcheck disable=SC2016
    version=$(dpkg-query --show --showformat '${Version}' pipewire)
    if [[ -f $pipewire_alsa/$plugin && $(cat "$pipewire_alsa/version" 2>/dev/null) == "$version" ]]; then
        say "pipewire-alsa $version in $pipewire_alsa: in place"
        return
    fi
    mkdir -p "$scratch/pipewire-alsa"
    pushd "$scratch/pipewire-alsa" >/dev/null || return
    # The lists may be of yesterday, or none at all.
    if ! apt_get download "pipewire-alsa=$version"; then
        update_lists
        apt_get download "pipewire-alsa=$version" || true
    fi
    popd >/dev/null || return
    # A benchmark without one of its peers is no reason to stop.
    if ! compgen -G "$scratch/pipewire-alsa/*.deb" >/dev/null; then
        say "pipewire-alsa $version cannot be had, and will not be measured: $apt_reason"
        return
    fi
    dpkg-deb --extract "$scratch"/pipewire-alsa/*.deb "$scratch/pipewire-alsa" || die "cannot unpack pipewire-alsa"
    install -D -m 644 -t "$pipewire_alsa" "$scratch"/pipewire-alsa/usr/lib/*/alsa-lib/"$plugin"
    printf '%s\n' "$version" >"$pipewire_alsa/version"
    say "pipewire-alsa $version in $pipewire_alsa: installed"
}
