#!/bin/sh
# A pod's desktop: an X server on the pod's display, and on it a session of the pod's user. pod-init starts it with the pod,
# and again when it has ended, as root of the pod: folders that only root can make are made here.
#
#   start NAME      icewm or xfce
set -eu

desktop=$1
uid=1000

# Whatever the tree that the pod was made of calls its first user.
entry=$(getent passwd "$uid") || {
    echo "desktop: this pod has no user $uid" >&2
    exit 1
}
IFS=: read -r user _ _ gid _ home shell <<end
$entry
end

runtime=/run/user/$uid
mkdir -p /run/user
install -d -m 700 -o "$uid" -g "$gid" "$runtime"
install -d -m 1777 /tmp/.X11-unix /tmp/.ICE-unix
# Two pods of one base are two machines.
[ -s /etc/machine-id ] || dbus-uuidgen >/etc/machine-id

export USER="$user" LOGNAME="$user" HOME="$home" SHELL="${shell:-/bin/sh}"
export XDG_RUNTIME_DIR="$runtime" XDG_SESSION_TYPE=x11
# What differs from the programs' own defaults lies beside them, and gives way to what the user sets.
export XDG_CONFIG_DIRS=/usr/lib/mediapod/desktop/xdg:/etc/xdg
cd "$HOME"
# Without a system bus, the server must not start over (docs/display.md); with the session it ends.
exec setpriv --reuid="$uid" --regid="$gid" --init-groups --inh-caps=-all \
    xinit /usr/lib/mediapod/desktop/session "$desktop" -- \
    /usr/bin/Xorg :0 -nolisten tcp -noreset -logfile "$runtime/xorg.log"
