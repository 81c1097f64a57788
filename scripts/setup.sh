#!/bin/bash
# Installs what the build, the demo and the tests need, and a CRIU that works on the running kernel.
# Run by `make setup` as root. A second run finds everything in place and changes nothing.
#
#   setup.sh display-peers   what `make bench-display` is measured beside, too
#
#   MEDIAPOD_CRIU_PREFIX   where the CRIU that the engine uses is found (default /opt/mediapod/criu)
set -euo pipefail
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
prefix=${MEDIAPOD_CRIU_PREFIX:-/opt/mediapod/criu}
lock_seconds=600

packages=(
    # build
    gcc libc6-dev libstdc++-12-dev pkg-config git ca-certificates
    libasound2-dev libpulse-dev libsndfile1-dev libsamplerate0-dev libx11-dev
    # the viewer: X, MIT-SHM, XVideo, keymaps, PNG; and the driver of the pods' X server
    libxext-dev libxv-dev libxrender-dev libxrandr-dev libxfixes-dev libx11-xcb-dev libxcb-shm0-dev libxkbfile-dev
    libpng-dev libvncserver-dev xserver-xorg-dev
    # what the Swift toolchain itself is linked with, where it was only unpacked
    libcurl4 libxml2 libsqlite3-0 libncurses6 zlib1g tzdata
    # pods: run, base file systems, the device, the network namespace
    runc libseccomp2 mmdebstrap squashfs-tools skopeo umoci e2fsprogs mount iproute2 slirp4netns
    debian-archive-keyring
    # filters of a session's stream, and what CRIU packs a pod's tmpfs with
    zstd lz4 age pigz
    # sound servers, players and peers of the demo, the tests and the benchmarks
    pulseaudio pulseaudio-utils pipewire pipewire-pulse wireplumber alsa-utils mpg123 libasound2-plugins
    # the programs of the sound matrix, and what its clients of libraries are compiled with
    mpv ffmpeg sox libsox-fmt-alsa vorbis-tools gstreamer1.0-tools gstreamer1.0-alsa gstreamer1.0-plugins-good
    jackd2 pipewire-bin g++
    libsdl2-dev libopenal-dev portaudio19-dev librtaudio-dev libjack-jackd2-dev
    # X servers that stand for hosts' and pods', and programs that look at them and type
    xvfb xserver-xorg-core x11-apps x11-utils x11-xkb-utils x11-xserver-utils xdotool xclip mesa-utils util-linux
    libxcomposite-dev libxi-dev libxcb-present-dev
    # how bench-display types
    libxtst-dev
    # the disk that tests record, and pull out
    libfuse3-dev fuse3
    # the file systems of the devices that the tests make; those without Unix metadata as programs (FUSE), whatever the
    # kernel knows
    btrfs-progs xfsprogs exfatprogs exfat-fuse ntfs-3g
    # reports and lint
    gnuplot-nox jq shellcheck
)

# Nobody needs them but that benchmark, and one of them brings a service.
display_peers=(tigervnc-standalone-server tigervnc-viewer xpra python3-pil python3-lz4 python3-gi-cairo)

# shellcheck source=scripts/pipewire-alsa.sh
source "$here/pipewire-alsa.sh"

say() { printf 'setup: %s\n' "$*"; }
die() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

if [[ $EUID -ne 0 ]]; then
    die "this installs packages and has to run as root: sudo make setup"
fi
[[ $prefix == /* ]] || die "MEDIAPOD_CRIU_PREFIX must be an absolute path, not '$prefix'"

scratch=$(mktemp -d)
# apt downloads and verifies as its own unprivileged user, who has to get in here.
chmod 755 "$scratch"
trap 'rm -rf "$scratch"' EXIT

# Two runs at once would unpack into the same folder.
mkdir -p "$(dirname "$prefix")"
exec 9<"$(dirname "$prefix")"
flock --nonblock 9 || { say "waiting for another setup to finish" && flock 9; }
trap 'rm -rf "$scratch" "$prefix.new"' EXIT

# apt_get ARGUMENTS...: waits for the lock of whoever else is installing, is silent when all goes well, and
# leaves apt's reason in $apt_reason otherwise. apt's own lock timeout does not cover the package lists.
apt_reason=
apt_get() {
    local deadline=$((SECONDS + lock_seconds)) waiting=
    # Without descriptor 9: a service that a package starts would hold our lock for as long as it runs.
    until DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=$lock_seconds \
        -o DPkg::Options::=--force-confdef -o DPkg::Options::=--force-confold "$@" \
        </dev/null >"$scratch/apt.log" 2>&1 9<&-; do
        if grep -q 'Could not get lock' "$scratch/apt.log" && ((SECONDS < deadline)); then
            [[ -n $waiting ]] || say "waiting for another apt to finish"
            waiting=yes
            sleep 2
            continue
        fi
        apt_reason=$(sed -n '/Sub-process/d; s/^E: //p' "$scratch/apt.log" | head -n 1)
        : "${apt_reason:=$(tail -n 1 "$scratch/apt.log")}"
        return 1
    done
}

updated=
update_lists() {
    [[ -z $updated ]] || return 0
    say "reading the package lists"
    # A foreign source that is down is no reason to stop: what matters is whether the packages can be had.
    apt_get update --error-on=any || say "apt-get update: $apt_reason"
    updated=yes
}

# Prints those of its arguments that are not installed.
missing_packages() {
    local installed
    # `install ok installed`, so that a package removed but not purged counts as missing.
    installed=$(dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
        sed -n 's/^installed //p' || true)
    printf '%s\n' "$@" | grep --fixed-strings --line-regexp --invert-match "${installed:-none}" || true
}

install_packages() {
    local missing started=$SECONDS
    mapfile -t missing < <(missing_packages "$@")
    [[ ${#missing[@]} -gt 0 ]] || return 0
    update_lists
    say "installing ${#missing[@]} packages: ${missing[*]}"
    # A desktop may hold packages that conflict with these; nothing of the user's is removed for our sake.
    apt_get install --yes --no-install-recommends --no-remove "${missing[@]}" ||
        die "cannot install packages: $apt_reason"
    say "installed ${#missing[@]} packages in $((SECONDS - started)) s"
}

# ---------------------------------------------------------------------------------------------- CRIU

criu_version() { "$1" --version 2>/dev/null | sed -n 's/^Version: //p'; }

criu_reason=
# works CRIU: true if it passes its own check, and dumps and restores a process that listens on a TCP port and
# holds an established connection. `criu check` alone passes where every dump of an inet socket fails.
# Leaves the reason in $criu_reason when it does not.
works() {
    if ! "$1" check >"$scratch/check.log" 2>&1; then
        criu_reason=$(grep 'Error' "$scratch/check.log" | head -n 1 || true)
        return 1
    fi
    rm -rf "$scratch/probe"
    mkdir "$scratch/probe"
    # In namespaces of its own: the restored PIDs are free, no packet filter rule of the host is touched, and
    # whatever goes wrong, everything dies with the probe.
    if ! unshare --net --pid --fork --mount-proc --kill-child \
        timeout --signal KILL 60 bash "$here/criu-probe.sh" "$1" "$scratch/probe" >"$scratch/probe.log" 2>&1; then
        criu_reason=$(tail -n 1 "$scratch/probe.log")
        return 1
    fi
}

# What was verified once on this kernel need not be dumped and restored again.
stamp_of() { printf '%s %s' "$(uname -r)" "$(criu_version "$1")"; }
stamped() {
    [[ -x $prefix/criu && -f $prefix/works && $(<"$prefix/works") == "$(stamp_of "$prefix/criu")" ]]
}

# Kernels since 6.13 lay out the vDSO in a way that CRIU understands from 4.1 on, those since 6.16 an option of
# inet sockets that it understands from 4.2 on. Saves installing the distribution's only to see it fail.
known_to_fail() {
    local version=$1 kernel needs=0
    kernel=$(uname -r)
    if dpkg --compare-versions "$kernel" ge 6.16; then
        needs=4.2
    elif dpkg --compare-versions "$kernel" ge 6.13; then
        needs=4.1
    fi
    dpkg --compare-versions "$version" lt "$needs"
}

use_distribution_criu() {
    local version criu
    if [[ -n $(missing_packages criu) ]]; then
        version=$(apt-cache policy criu | sed -n 's/^ *Candidate: //p')
        [[ -n $version && $version != '(none)' ]] || return 1
        if known_to_fail "$version"; then
            say "the distribution's CRIU $version does not work on kernel $(uname -r)"
            return 1
        fi
        install_packages criu
    fi
    criu=$(command -v criu) || return 1
    if ! works "$criu"; then
        say "the distribution's CRIU $(criu_version "$criu") fails on kernel $(uname -r): $criu_reason"
        return 1
    fi
    rm -rf "$prefix.new"
    mkdir -p "$prefix.new"
    ln -s "$criu" "$prefix.new/criu"
    replace_prefix
    say "CRIU $(criu_version "$prefix/criu") of the distribution: verified on kernel $(uname -r)"
}

# The URI of the host's own Debian mirror, whatever form its apt sources have.
debian_mirror() {
    local codename
    # shellcheck source=/dev/null
    codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(REPO_URI)' \
        'Created-By: Packages' 'Origin: Debian' 'Label: Debian' "Codename: $codename" 2>/dev/null | head -n 1
}

# private_apt MIRROR SUITE: an apt configuration that shares with the host its keyring and the way to the network
# (proxies, credentials), and nothing else: no sources, lists, cache, hooks or installed packages. The empty
# status file makes apt resolve the whole closure, libc included.
private_apt() {
    local root=$scratch/apt
    rm -rf "$root"
    mkdir -p "$root/lists/partial" "$root/archives/partial" "$root/state"
    : >"$root/status"
    cat >"$root/debian.sources" <<SOURCES
Types: deb
URIs: $1
Suites: $2
Components: main
Targets: Packages
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
    {
        # The Dir::Etc settings below keep apt from reading the host's own files after this one.
        apt-config dump Acquire
        cat <<CONFIGURATION
Acquire::Languages "none";
Acquire::AllowInsecureRepositories "false";
APT::Get::AllowUnauthenticated "false";
APT::Install-Recommends "false";
Dir::State "$root/state";
Dir::State::lists "$root/lists";
Dir::State::status "$root/status";
Dir::Cache "$root";
Dir::Cache::archives "$root/archives";
Dir::Log "$root";
Dir::Etc::sourcelist "$root/debian.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
CONFIGURATION
    } >"$root/apt.conf"
}

use_private_criu() {
    local mirror=$1 suite=$2 new=$prefix.new package loader libraries foreign
    say "fetching CRIU and its libraries from Debian $suite"
    private_apt "$mirror" "$suite"
    if ! APT_CONFIG=$scratch/apt/apt.conf apt_get update --error-on=any ||
        ! APT_CONFIG=$scratch/apt/apt.conf apt_get install --yes --download-only criu; then
        say "Debian $suite: $apt_reason"
        return 1
    fi
    rm -rf "$new"
    mkdir -p "$new/root"
    for package in "$scratch"/apt/archives/*.deb; do
        dpkg-deb --extract "$package" "$new/root" || die "cannot unpack ${package##*/} into $new"
    done
    # Character set tables and manuals are most of the size and of no use to CRIU.
    rm -rf "$new"/root/usr/lib/*/gconv "$new"/root/usr/share/{man,locale,info}

    loader=$(compgen -G "$new/root/usr/lib/*/ld-linux*.so.*" | head -n 1) ||
        { say "Debian $suite: no dynamic loader among the packages" && return 1; }
    libraries=$(dirname "$loader")
    # A library that came from the host would meet a libc it was not built for.
    foreign=$("$loader" --library-path "$libraries" --list "$new/root/usr/sbin/criu" |
        sed -n 's/.*=> \([^ ]*\) .*/\1/p' | grep --invert-match --fixed-strings "$libraries/" || true)
    [[ -z $foreign ]] || { say "Debian $suite: CRIU needs libraries that were not fetched: $foreign" && return 1; }

    # By option, not by LD_LIBRARY_PATH: the programs that CRIU starts (tar, ip) are the host's, with its libc.
    cat >"$new/criu" <<WRAPPER
#!/bin/sh
exec '${loader/#$new/$prefix}' --library-path '${libraries/#$new/$prefix}' '$prefix/root/usr/sbin/criu' "\$@"
WRAPPER
    # The same for the probe, before it is moved to where it will be used.
    sed "s|'$prefix/|'$new/|g" "$new/criu" >"$scratch/criu"
    chmod 755 "$new/criu" "$scratch/criu"
    if ! works "$scratch/criu"; then
        say "CRIU $(criu_version "$scratch/criu") of Debian $suite fails on kernel $(uname -r): $criu_reason"
        return 1
    fi
    replace_prefix "$scratch/criu"
    say "CRIU $(criu_version "$prefix/criu") of Debian $suite in $prefix: verified on kernel $(uname -r)"
}

# The stamp also says that the folder is ours: one that was named by mistake is never removed.
replace_prefix() {
    if [[ -e $prefix && ! -f $prefix/works ]]; then
        rmdir "$prefix" 2>/dev/null || die "$prefix is there and not made by this script: move it away"
    fi
    stamp_of "${1:-$prefix.new/criu}" >"$prefix.new/works" || die "cannot write to $prefix.new"
    rm -rf "$prefix"
    mv "$prefix.new" "$prefix" || die "cannot put CRIU into $prefix"
}

install_criu() {
    local mirror suite
    if stamped && "$prefix/criu" check >/dev/null 2>&1; then
        say "CRIU $(criu_version "$prefix/criu") in $prefix: in place, verified on kernel $(uname -r)"
        return
    fi
    if [[ -x $prefix/criu ]] && works "$prefix/criu"; then
        [[ ! -f $prefix/works ]] || stamp_of "$prefix/criu" >"$prefix/works"
        say "CRIU $(criu_version "$prefix/criu") in $prefix: verified on kernel $(uname -r)"
        return
    fi
    if use_distribution_criu; then
        return
    fi
    mirror=$(debian_mirror)
    if [[ -z $mirror ]]; then
        update_lists
        mirror=$(debian_mirror)
    fi
    [[ -n $mirror ]] || die "the apt sources of this host name no Debian mirror to fetch CRIU from"
    for suite in forky sid; do
        if use_private_criu "$mirror" "$suite"; then
            return
        fi
    done
    die "no CRIU was found that works on kernel $(uname -r)"
}

# CRIU has tar pack each tmpfs of a pod with whatever gzip is found first: the engine has it look here for its dumps. pigz
# can store what the session's own filters compress anyway.
give_criu_its_gzip() {
    local pigz
    pigz=$(command -v pigz)
    [[ $(readlink "$prefix/bin/gzip" || true) != "$pigz" ]] || return 0
    mkdir -p "$prefix/bin"
    ln -sf "$pigz" "$prefix/bin/gzip"
    say "CRIU packs by $pigz"
}

install_display_peers() {
    if [[ -z $(missing_packages "${display_peers[@]}") ]]; then
        say "${#display_peers[@]} peers of the display: in place"
        return
    fi
    # xpra's package would listen on a TCP port of a host that has systemd, from now on and after every start.
    if [[ -d /etc/systemd/system && -n $(missing_packages xpra) ]]; then
        local unit
        for unit in xpra.socket xpra.service; do
            [[ -e /etc/systemd/system/$unit ]] || ln -s /dev/null "/etc/systemd/system/$unit"
        done
    fi
    install_packages "${display_peers[@]}"
}

[[ -e /etc/debian_version ]] || die "this is made for Debian 12; elsewhere install by hand: ${packages[*]}"
if [[ -z $(missing_packages "${packages[@]}") ]]; then
    say "${#packages[@]} packages: in place"
else
    install_packages "${packages[@]}"
fi
install_pipewire_alsa
install_criu
give_criu_its_gzip
if [[ ${1-} == display-peers ]]; then install_display_peers; fi
