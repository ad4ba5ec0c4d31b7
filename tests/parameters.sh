#!/usr/bin/env bash
# Makes DIR hold the 2 KiB PoRep parameters with which tests prove and verify.
# Usage: tests/parameters.sh BIN DIR      (BIN: the directory of the program sealyard)
#
# Parameters that are there and whole are left as they are, else they are made from fresh secrets, which
# takes a minute or two and 1.1 GB of disk. All presets share one directory (build/parameters) on
# purpose: parameters do not depend on how the programs were built, the release build makes them fast,
# and a sanitizer build would need many times as long. Callers at the same time wait for each other.
set -eu

[ $# -eq 2 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
bin=$1
dir=$2
set_of() {
    "$bin/sealyard" params "$1" --sector-size 2KiB --kind porep --dir "$dir"
}

mkdir -p "$dir"
exec 9>"$dir/.lock"
flock 9
if set_of verify >/dev/null 2>&1; then
    echo "parameters: $dir is right"
    exit
fi
echo "parameters: making $dir"
set_of generate
set_of verify
