#!/bin/sh
# run.sh PROGRAM SOURCE_DIR WORK_DIR: compares our curves with @noble/curves. The library comes from
# the npm registry into WORK_DIR; without npm, node or the registry the test is skipped (77).
program=$1 source=$2 work=$3
for tool in npm node timeout; do
    command -v "$tool" >/dev/null 2>&1 || { echo "skipped: $tool is not installed"; exit 77; }
done
mkdir -p "$work" && cp "$source"/package.json "$source"/package-lock.json "$source"/compare.mjs "$work" || exit 1
cd "$work" || exit 1
if ! timeout 120 npm ci --ignore-scripts --no-audit --no-fund >npm.log 2>&1; then
    echo "skipped: npm cannot install the pinned package:"
    tail -n 5 npm.log
    exit 77
fi
for kernel in scalar ifma; do
    "$program" "$kernel" >"values.$kernel"
    rc=$?
    [ $rc -eq 77 ] && { echo "$kernel: this CPU lacks it"; continue; }
    [ $rc -eq 0 ] || { echo "$program $kernel ended with $rc"; exit 1; }
    echo "$kernel:"
    node compare.mjs <"values.$kernel" || exit 1
done
