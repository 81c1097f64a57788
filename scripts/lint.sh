#!/usr/bin/env bash
# What a machine can see of the style: swift-format, warnings of the C compiler, shellcheck.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=0
check() {
    local name=$1
    shift
    if "$@"; then printf 'lint: %s: clean\n' "$name"; else
        printf 'lint: %s: see above\n' "$name" >&2
        failed=1
    fi
}

# shellcheck disable=SC2317 # called by check
check_c() {
    local file
    while read -r file; do
        cc -std=gnu11 -Wall -Wextra -Werror -D_GNU_SOURCE -O2 -c -o /dev/null \
            -ISources/CLinux/include -ISources/SoundABI/include -ISources/PodInitABI/include \
            -ISources/DisplayABI/include -ISources/CVNC/include "$file" || return 1
    done < <(find Sources alsa-plugin Tests -name '*.c')
}

# shellcheck disable=SC2317 # called by check
check_shell() {
    local scripts
    mapfile -t scripts < <(find scripts Sources Tests testdata -name '*.sh')
    shellcheck .ci/run "${scripts[@]}"
}

check swift-format "${SWIFT:-swift}" format lint --strict --recursive --parallel Package.swift Sources Tests
check 'C warnings' check_c
check shellcheck check_shell
exit $failed
