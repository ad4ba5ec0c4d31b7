#!/usr/bin/env bash
# Makes DIR hold the 2 KiB PoRep parameters with which tests prove and verify.
# Usage: tests/parameters.sh BIN DIR      (BIN: the directory of the program sealyard)
#
# All presets share one directory (build/parameters) on purpose: parameters do not depend on how the
# programs were built, the release build makes them fast, a sanitizer build would need many times as long.
set -eu
[ $# -eq 2 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
LAB_SOURCE=$(cd "$(dirname "$0")/.." && pwd)
BIN=$1
PARAMETERS=$2
SECTOR_SIZE=2KiB
# shellcheck source=ops/lab.sh
. "$LAB_SOURCE/ops/lab.sh"
lab_parameters
