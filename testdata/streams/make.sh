#!/usr/bin/env bash
# make.sh NAME: makes a golden session with the mediapod that was built here, NAME.tar: a device with one pod, `golden`,
# suspended twice: a full session, and one that is made of its blocks. Run as root. Those that are in the repository stay
# as they are: they were made by the versions that wrote their formats.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[[ $# == 1 && $1 == [a-z0-9]* ]] || { echo "usage: $0 NAME" >&2 && exit 64; }
[[ ! -e $here/$1.tar ]] || { echo "$0: $1.tar is there already" >&2 && exit 1; }
binaries=${MEDIAPOD_BINARIES:-$here/../../.build/release}

scratch=$(mktemp -d)
chmod 755 "$scratch"
export MEDIAPOD_RUNTIME=$scratch/host MEDIAPOD_DEVICE=$scratch/device MEDIAPOD_GUEST=$scratch/guest
mediapod() { "$binaries/mediapod" "$@"; }
trap 'mediapod stop --time 0 golden >/dev/null 2>&1 || true; rm -rf "$scratch"' EXIT

# Nothing of Debian's: a program without a libc, and the one that every pod has.
mkdir -p "$scratch/tree/bin" "$scratch/tree/root" "$scratch/guest/usr/lib/mediapod"
gcc -std=gnu11 -Wall -Wextra -Werror -O2 -static -nostdlib -fno-stack-protector -s \
    -o "$scratch/tree/bin/counter" "$here/counter.c"
strip -o "$scratch/guest/usr/lib/mediapod/pod-init" "$here/../../build/guest/usr/lib/mediapod/pod-init"

mediapod device init "$scratch/device"
mediapod create golden --rootfs "$scratch/tree"
# pod-init's libc chooses its routines by the processor once, at its start: those that every x86-64 has go everywhere.
pod=$scratch/device/pods/golden/pod.json
jq --arg baseline "GLIBC_TUNABLES=glibc.cpu.hwcaps=$(printf -- '-%s,' AVX AVX2 AVX512F AVX512VL AVX512BW BMI1 BMI2 \
    LZCNT MOVBE RTM SSE4_1 SSE4_2 SSSE3 XSAVE XSAVEC)" '.environment += [$baseline]' "$pod" >"$scratch/pod.json"
cp "$scratch/pod.json" "$pod"
mediapod run golden --detach --sound null -- counter count /root/count
for ((tries = 0; tries < 100; tries++)); do
    [[ $(mediapod exec golden -- counter show /root/count 2>/dev/null) == *' '* ]] && break
    sleep 0.1
done
mediapod suspend golden
mediapod resume golden --detach --sound null
mediapod suspend golden
# The layers' owners and their overlay attributes are part of a device.
tar --create --file="$here/$1.tar" --sort=name --numeric-owner --xattrs --xattrs-include='*' \
    --directory="$scratch" device
echo "made $1.tar, $(stat -c %s "$here/$1.tar") bytes"
