#!/usr/bin/env bash
# Runs every libFuzzer target on a copy of its stored corpus. Usage: tests/fuzz/run.sh BIN_DIR SECONDS
set -eu
bin=$1
seconds=$2
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
ran=0
for target in "$bin"/fuzz_*; do
    [ -x "$target" ] || continue
    name=${target##*/fuzz_}
    mkdir -p "$scratch/$name"
    [ -d "$here/corpus/$name" ] && cp "$here/corpus/$name"/* "$scratch/$name/" 2>/dev/null
    echo "fuzz $name: $(find "$scratch/$name" -type f | wc -l) seeds, $seconds s"
    "$target" -max_total_time="$seconds" -max_len=1048576 -rss_limit_mb=1024 -timeout=10 \
        -artifact_prefix="$scratch/" -print_final_stats=1 "$scratch/$name" >"$scratch/$name.log" 2>&1 || {
        tail -n 60 "$scratch/$name.log"
        exit 1
    }
    grep -E 'stat::(number_of_executed_units|peak_rss_mb)' "$scratch/$name.log"
    ran=$((ran + 1))
done
[ "$ran" -gt 0 ] || { echo "no fuzz target in $bin" >&2; exit 1; }
echo "fuzz: $ran targets clean"
