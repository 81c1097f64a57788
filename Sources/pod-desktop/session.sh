#!/bin/sh
# What runs on the display of a pod's desktop, as its user, until the session is ended.
#
#   session NAME      icewm or xfce
set -eu

# Nobody sits before this screen but by a viewer, and the host's own saver is enough.
xset s off
/usr/lib/mediapod/pod-clipboard &

# What a new home gets; the user's own files stay.
cp -Rn /usr/lib/mediapod/desktop/home/. "$HOME"

# Where programs look for it by themselves, so that what is started by `mediapod exec` finds it, too.
export DBUS_SESSION_BUS_ADDRESS="unix:path=$XDG_RUNTIME_DIR/bus"
bus=$(dbus-daemon --session --fork --nopidfile --print-pid --address="$DBUS_SESSION_BUS_ADDRESS")
trap 'kill "$bus"' EXIT

case $1 in
icewm)
    export XDG_CURRENT_DESKTOP=IceWM
    # Instead of a picture, which every suspend of all of it would have to write.
    xsetroot -solid '#2b3a4d'
    icewm-session --nobg
    ;;
xfce)
    export XDG_CURRENT_DESKTOP=XFCE XDG_MENU_PREFIX=xfce-
    xfce4-session
    ;;
*)
    echo "session: there is no desktop $1" >&2
    exit 1
    ;;
esac
