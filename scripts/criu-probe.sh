#!/usr/bin/env bash
# Whether a CRIU works on the running kernel: it must pass its own check, and dump and restore a process that
# listens on a TCP socket. Some versions cannot on some kernels, and only trying tells.
#
#     scripts/criu-probe.sh CRIU
#
# Exit 0 when it does; 1 when not, with CRIU's own reason on standard error.
set -euo pipefail

criu=$1
work=$(mktemp -d)
pid=
cleanup() {
    if [ -n "$pid" ]; then kill -9 "$pid" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap cleanup EXIT

fail() {
    printf '%s\n' "$1" >&2
    exit 1
}

reason() {
    grep -m1 'Error (' "$1" 2>/dev/null || printf 'no reason given'
}

"$criu" check >"$work/check" 2>&1 || fail "criu check: $(reason "$work/check")"

# Its own session and no terminal, or a dump would need options of its own. It writes its number first, so that
# the dump does not meet it half-way through its start.
# shellcheck disable=SC2016 # the dollars are Perl's
setsid perl -MSocket -e '
    socket(my $s, AF_INET, SOCK_STREAM, 0) or die;
    bind($s, sockaddr_in(0, INADDR_LOOPBACK)) or die;
    listen($s, 1) or die;
    open(my $f, ">", $ARGV[0]) or die; print $f $$; close $f;
    sleep 1 while 1;
' "$work/pid" </dev/null >/dev/null 2>&1 &
for _ in $(seq 100); do
    [ -s "$work/pid" ] && break
    sleep 0.02
done
pid=$(cat "$work/pid" 2>/dev/null) || fail "the process to be dumped did not start"

mkdir "$work/images"
"$criu" dump -t "$pid" -D "$work/images" -o dump.log -v2 >/dev/null 2>&1 ||
    fail "criu dump of a listening socket: $(reason "$work/images/dump.log")"
wait 2>/dev/null || true
"$criu" restore -d -D "$work/images" -o restore.log -v2 >/dev/null 2>&1 ||
    fail "criu restore of a listening socket: $(reason "$work/images/restore.log")"
kill -0 "$pid" 2>/dev/null || fail "criu restore: the process is not there"
