#!/bin/bash
# criu-probe.sh CRIU FOLDER: dumps and restores a process that listens on a TCP port and a pair that talks over an
# established connection, the way the engine does it. Exit 0 if both live on; otherwise the last line says why not.
# To be run in network and PID namespaces of its own (see setup.sh).
set -uo pipefail
criu=$1
export FOLDER=$2

fail() {
    # The first error is the cause, the others are its consequences; that a limit of CRIU's own cannot be raised
    # is none.
    printf '%s%s\n' "$1" "$(grep Error "$FOLDER/$2" 2>/dev/null | grep -v RLIMIT | head -n 1 | sed 's/^[^E]*/: /')"
    exit 1
}

ip link set lo up || fail "cannot bring up the loopback interface" none
mkdir "$FOLDER/images"

# Perl, because perl-base is on every Debian. One process serves a counter that it keeps in memory to whoever
# connects, and sends it over a connection of its own that stays open before each answer. What it inherited is
# closed: a file from outside of these namespaces cannot be dumped.
# shellcheck disable=SC2016
setsid perl -e '
    use IO::Socket::INET;
    use POSIX ();
    POSIX::close($_) for 3 .. 255;
    my $outer = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1", ReuseAddr => 1) or die $@;
    my $inner = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1", ReuseAddr => 1) or die $@;
    my $near = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $inner->sockport) or die $@;
    my $far = $inner->accept or die $!;
    open my $ready, ">", "$ENV{FOLDER}/ready.new" or die $!;
    print $ready "$$ ", $outer->sockport, "\n";
    close $ready;
    rename "$ENV{FOLDER}/ready.new", "$ENV{FOLDER}/ready";
    for (my $count = 1;; $count++) {
        my $client = $outer->accept or die $!;
        $near->print("$count\n");
        $near->flush;
        print $client scalar <$far>;
        close $client;
    }' </dev/null >"$FOLDER/server.log" 2>&1 &
disown

for ((tries = 0; tries < 100; tries++)); do
    [[ -e $FOLDER/ready ]] && break
    sleep 0.05
done
read -r pid port <"$FOLDER/ready" || fail "the process to dump did not start: $(tail -n 1 "$FOLDER/server.log")" none

ask() {
    local answer=
    exec 3<>"/dev/tcp/127.0.0.1/$port" && read -r -t 5 answer <&3
    exec 3<&-
    printf '%s' "$answer"
}

[[ $(ask) == 1 ]] || fail "the process to dump does not answer" none
# nftables: CRIU speaks it through a library, where its default wants the iptables programs.
options=(--images-dir "$FOLDER/images" --tcp-established -v4)
"$criu" dump --tree "$pid" --network-lock nftables "${options[@]}" --log-file "$FOLDER/dump.log" ||
    fail "criu dump" dump.log
# The PID is free only when the parent, this shell, has taken note of the death.
for ((tries = 0; tries < 100; tries++)); do
    [[ -e /proc/$pid ]] || break
    sleep 0.02
done
"$criu" restore --restore-detached "${options[@]}" --log-file "$FOLDER/restore.log" || fail "criu restore" restore.log
[[ $(ask) == 2 ]] || fail "the restored process does not answer" none
