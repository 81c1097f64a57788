#!/bin/bash
# pod-tree.sh TREE PROGRAM...: a root file system of this machine's own shell, Xorg with OpenGL, a few X programs, and the
# PROGRAMs; no network needed. The driver and its configuration come from MediaPod itself when the pod is made.
set -euo pipefail
tree=$1
shift
lib=/usr/lib/$(gcc -print-multiarch)

mkdir -p "$tree"/{usr/bin,usr/lib,usr/lib64,root,etc,var/log,var/lib/xkb,home/player}
ln -sfn usr/bin "$tree/bin"
ln -sfn usr/lib "$tree/lib"
ln -sfn usr/lib64 "$tree/lib64"
printf 'root:x:0:0::/root:/bin/sh\nplayer:x:1001:1001::/home/player:/bin/sh\n' >"$tree/etc/passwd"
printf 'root:x:0:\nplayer:x:1001:\n' >"$tree/etc/group"
chown 1001:1001 "$tree/home/player"

# With what `ldd` names.
copy() {
    local path=$1
    install -D "$path" "$tree$path"
    { ldd "$path" 2>/dev/null || true; } | sed -n 's|^[^/]*\(/[^ ]*\).*|\1|p' | while read -r library; do
        [[ -e $tree$library ]] || install -D "$library" "$tree$library"
    done
}

for name in sh cat echo ls sleep touch kill id ln rm mkdir mkfifo stat readlink head wc \
    Xorg xkbcomp xsetroot xclip glxgears env; do
    path=$(readlink -f "$(PATH=/usr/bin:/bin type -P "$name")")
    copy "$path"
    [[ -e $tree/usr/bin/$name ]] || ln -s "$path" "$tree/usr/bin/$name"
done
copy /usr/lib/xorg/Xorg
for module in /usr/lib/xorg/modules/extensions/*.so; do copy "$module"; done
cp /usr/lib/xorg/protocol.txt "$tree/usr/lib/xorg/"
copy "$lib/dri/swrast_dri.so"
# Of pod-clipboard, which MediaPod puts there.
for library in libX11.so.6 libXfixes.so.3; do copy "$lib/$library"; done
for library in libGLX_mesa.so.0 libnss_files.so.2; do [[ -e $lib/$library ]] && copy "$lib/$library"; done
mkdir -p "$tree/usr/share/X11"
cp -r /usr/share/X11/{xkb,locale} "$tree/usr/share/X11/"
for program; do copy "$program" && mv "$tree$program" "$tree/usr/bin/"; done
