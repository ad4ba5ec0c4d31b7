#!/usr/bin/env bash
# Gates of the source tree. Usage: tests/gates.sh [ROOT [CORE_ARCHIVE]]
#
#   1 includes go tests -> ops -> {scheduler, agent, tasks} -> {policies, cgroup, gpu} -> common,
#     and scheduler, agent and tasks never include each other
#   2 one library, one file
#   3 scheduler/core is pure: `nm -u` of its archive against a short list (when CORE_ARCHIVE is given)
#   4 functions of at most 70 lines, files of at most 800
#   5 words that never stand in our code
# Prints every finding as file:line: what; exit status 1 when there is one.
set -u
root=$(cd "${1:-$(dirname "$0")/..}" && pwd)
core_archive=${2:-}
cd "$root" || exit 2
found=0

finding() {
    printf '%s\n' "$1"
    found=1
}

sources() {
    find common scheduler agent tasks gpu cgroup policies ops tests -type f \
        \( -name '*.c' -o -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' \) \
        2>/dev/null | sort
}

# The rooms that a room may include from.
allowed_rooms() {
    case $1 in
    common) echo common ;;
    policies | cgroup) echo "$1 common" ;;
    gpu) echo "gpu common" ;;
    scheduler) echo "scheduler policies common" ;;
    agent) echo "agent cgroup policies common" ;;
    tasks) echo "tasks gpu common" ;;
    ops) echo "ops scheduler agent tasks policies cgroup gpu common" ;;
    tests) echo "tests ops scheduler agent tasks policies cgroup gpu common" ;;
    esac
}

check_includes() {
    local file room allowed line target
    while IFS= read -r file; do
        room=${file%%/*}
        allowed=" $(allowed_rooms "$room") "
        while IFS=: read -r line target; do
            target=${target#*\"}
            target=${target%%\"*}
            case $target in
            */*) ;;
            *) finding "$file:$line: include \"$target\" is not written from the root"; continue ;;
            esac
            case $allowed in
            *" ${target%%/*} "*) ;;
            *) finding "$file:$line: $room must not include $target" ;;
            esac
        done < <(grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$file")
    done < <(sources)
    while IFS= read -r file; do
        while IFS=: read -r line target; do
            target=${target#*\"}
            target=${target%%\"*}
            case $target in
            scheduler/core/* | common/sy.h | common/err.h | common/mem.h | common/job.h) ;;
            *) finding "$file:$line: scheduler/core must not include $target" ;;
            esac
        done < <(grep -nE '^#include "' "$file")
    done < <(sources | grep '^scheduler/core/')
}

check_confinement() {
    local rule header files hit
    while IFS='|' read -r header files; do
        while IFS= read -r hit; do
            case " $files " in
            *" ${hit%%:*} "*) ;;
            *) finding "$hit is confined to $files" ;;
            esac
        done < <(sources | grep -v '^tests/' | xargs grep -nE "#include <$header" /dev/null | cut -d: -f1,2)
    done <<'RULES'
zmq.h|common/net.c common/loop.c common/auth.c
msgpack|common/codec.c
lmdb.h|scheduler/store_lmdb.c
hwloc|cgroup/topo.c
libcgroup|cgroup/cgroup_v1.c
curl/|common/http.c
toml\+\+|common/toml.cpp
libsmartcols|ops/cli/output.c
microhttpd|ops/devchain/http.c scheduler/http.c
RULES
}

check_core_purity() {
    [ -n "$core_archive" ] || return 0
    [ -f "$core_archive" ] || { finding "$core_archive: core archive is missing"; return; }
    local defined symbol
    defined=$(nm --defined-only "$core_archive" | awk 'NF == 3 {print $3}' | sort -u)
    while IFS= read -r symbol; do
        case $symbol in
        mem* | str* | bsearch | qsort | snprintf | vsnprintf | __*snprintf_chk | __*_chk | __stack_chk_fail | abort) ;;
        sy_mem_* | sy_arena_* | sy_fail* | sy_err* | sy_assert_failed) ;;
        sy_*name* | sy_*_parse | sy_sector_state_is_*) ;;
        __asan_* | __ubsan_* | _GLOBAL_OFFSET_TABLE_) ;;
        *)
            grep -qxF "$symbol" <<<"$defined" ||
                finding "scheduler/core: calls $symbol, which is outside its short list"
            ;;
        esac
    done < <(nm -u "$core_archive" | awk 'NF == 2 && $1 == "U" {print $2}' | sort -u)
}

check_sizes() {
    local file lines
    while IFS= read -r file; do
        lines=$(wc -l <"$file")
        [ "$lines" -le 800 ] || finding "$file:800: file has $lines lines, at most 800"
        awk -v file="$file" '
            /^\{/ {start = NR}
            /^\}/ && start {
                if (NR - start + 1 > 72) printf "%s:%d: function of %d lines, at most 70\n", file, start, NR - start - 1
                start = 0
            }' "$file"
    done < <(sources) >"$scratch/sizes"
    while IFS= read -r file; do finding "$file"; done <"$scratch/sizes"
}

check_words() {
    local hit
    while IFS= read -r hit; do
        finding "$hit"
    done < <(
        sources | grep -v '^tests/' | xargs grep -nE '\b(strcpy|strcat|sprintf|atoi|atol|gets)\(' /dev/null |
            cut -d: -f1,2 | sed 's/$/: use the bounded form/'
        sources | grep -vE '^tests/|/main\.c$|_main\.c$' | xargs grep -nE '(^|[^_a-z.>])exit\(' /dev/null |
            cut -d: -f1,2 | sed 's/$/: no exit() outside main.c/'
        sources | xargs grep -nE '\b(TODO|FIXME|XXX)\b' /dev/null | cut -d: -f1,2 |
            sed 's/$/: unfinished business/'
    )
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
check_includes
check_confinement
check_core_purity
check_sizes
check_words
[ "$found" -eq 0 ] && echo "gates: clean"
exit "$found"
