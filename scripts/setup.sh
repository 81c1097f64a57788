#!/usr/bin/env bash
# Installs what the build, the demo and the tests need on Debian 12: packages by apt, and a CRIU that works on the
# running kernel under a prefix of its own. Run again, it only looks.
set -euo pipefail

prefix=${MEDIAPOD_CRIU_PREFIX:-/opt/mediapod/criu}
here=$(cd "$(dirname "$0")" && pwd)

packages=(
    # The build: the compiler for the C parts (Swift brings its own clang, but no headers), and the libraries.
    gcc libc6-dev make pkg-config binutils git ca-certificates
    libasound2-dev libpulse-dev libsndfile1-dev libsamplerate0-dev libx11-dev
    # Pods: runtime, file systems, bases. CRIU's dump of a network namespace calls iptables and ip.
    runc squashfs-tools mmdebstrap zstd tar xz-utils iproute2 iptables mount e2fsprogs util-linux
    debian-archive-keyring
    # Sound, the peers it is measured against, and the programs that play in the tests.
    pulseaudio pulseaudio-utils alsa-utils mpg123 libasound2-plugins
    # The demo's picture, and the checks.
    gnuplot-nox shellcheck perl-base procps
)

say() { printf 'setup: %s\n' "$1"; }
fail() {
    printf 'setup: %s\n' "$1" >&2
    exit 1
}

[ "$(id -u)" -eq 0 ] || fail "must run as root: sudo make setup"
[ -r /etc/debian_version ] || fail "this is no Debian; install by hand: ${packages[*]}"

apt_get() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 "$@"
}

install_packages() {
    local missing=()
    local package
    for package in "${packages[@]}"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    if [ ${#missing[@]} -eq 0 ]; then
        say "packages: all ${#packages[@]} are installed"
        return
    fi
    say "packages: installing ${missing[*]}"
    apt_get update
    apt_get install -y --no-install-recommends "${missing[@]}" >/dev/null
}

criu_version() { "$1" --version 2>/dev/null | sed -n 's/^Version: //p'; }

# The criu of a later Debian with every library it needs, started through that Debian's own loader, so that the
# host's libc stays as it is. apt checks the signatures; its sources, lists and cache are ones of our own.
fetch_criu() {
    local suite=$1 target=$2 work mirror
    work=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder of now
    trap "rm -rf '$work'" RETURN
    # shellcheck disable=SC2016 # the dollars are apt's
    mirror=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' |
        sed -n 's/^Debian //p' | grep -v security | head -n 1)
    [ -n "$mirror" ] || fail "apt has no Debian source to take criu from; add one and run setup again"
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/etc"
    : >"$work/status"
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$mirror" "$suite" \
        >"$work/etc/sources.list"
    local options=(
        -o "Dir::Etc::sourcelist=$work/etc/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o "Dir::State::status=$work/status"
        -o "Debug::NoLocking=true"
        # The folder is root's; apt's own user could not enter it.
        -o APT::Sandbox::User=root -o Acquire::Languages=none
        # Hooks of the host's configuration are about the host's packages.
        -o DPkg::Post-Invoke= -o APT::Update::Post-Invoke= -o APT::Update::Post-Invoke-Success=
    )
    apt_get "${options[@]}" update || return 1
    apt_get "${options[@]}" install -y --no-install-recommends --download-only criu >/dev/null || return 1
    rm -rf "$target"
    mkdir -p "$target/root"
    local package
    for package in "$work"/cache/archives/*.deb; do
        dpkg-deb -x "$package" "$target/root"
    done
    local loader library_path
    loader=$(find "$target/root" -name 'ld-linux*.so*' -print -quit)
    library_path=$(find "$target/root" -name 'libc.so.6' -printf '%h\n' -quit)
    [ -x "$loader" ] || fail "criu's own loader is not among what apt fetched from $suite"
    printf '#!/bin/sh\nexec %s --library-path %s %s "$@"\n' \
        "${loader/#$target/$prefix}" "${library_path/#$target/$prefix}" "$prefix/root/usr/sbin/criu" >"$target/criu"
    chmod 755 "$target/criu"
}

# The verdict holds for one kernel and one criu.
stamp() { printf '%s %s' "$(uname -r)" "$(criu_version "$1")"; }

install_criu() {
    local chosen="$prefix/criu"
    if [ -x "$chosen" ] && [ "$(cat "$prefix/works" 2>/dev/null)" = "$(stamp "$chosen")" ]; then
        say "criu: $(criu_version "$chosen") at $chosen works on kernel $(uname -r)"
        return
    fi
    local reason=
    if command -v criu >/dev/null || { apt-cache show criu >/dev/null 2>&1 &&
        apt_get install -y --no-install-recommends criu >/dev/null; }; then
        if reason=$("$here/criu-probe.sh" "$(command -v criu)" 2>&1); then
            mkdir -p "$prefix"
            ln -sfn "$(command -v criu)" "$chosen"
            stamp "$chosen" >"$prefix/works"
            say "criu: the distribution's $(criu_version "$chosen") works on kernel $(uname -r)"
            return
        fi
        say "criu: the distribution's $(criu_version criu) does not work here ($reason)"
    fi
    local suite
    for suite in forky sid; do
        say "criu: fetching $suite's into $prefix"
        # Built beside and renamed, so that an interrupted run leaves the old one or none.
        fetch_criu "$suite" "$prefix.new" || continue
        rm -rf "$prefix"
        mv "$prefix.new" "$prefix"
        if reason=$("$here/criu-probe.sh" "$chosen" 2>&1); then
            stamp "$chosen" >"$prefix/works"
            say "criu: $(criu_version "$chosen") from $suite works on kernel $(uname -r)"
            return
        fi
        say "criu: $suite's $(criu_version "$chosen") does not work here ($reason)"
    done
    fail "no criu works on kernel $(uname -r): $reason"
}

install_packages
install_criu
