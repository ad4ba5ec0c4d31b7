#!/usr/bin/env bash
# The gates must see planted faults. Usage: tests/gates_test.sh ROOT
set -u
root=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

fresh() {
    rm -rf "$scratch/tree"
    mkdir -p "$scratch/tree"
    (cd "$root" && tar cf - --exclude=tests/kat common scheduler agent tasks cgroup policies ops tests gpu 2>/dev/null) |
        tar xf - -C "$scratch/tree"
}

# expect NAME PATTERN: the gates fail and their output matches.
expect() {
    local output
    output=$("$root/tests/gates.sh" "$scratch/tree" ${3:-} 2>&1)
    if [ $? -eq 0 ] || ! grep -qE "$2" <<<"$output"; then
        echo "not seen: $1"
        failed=$((failed + 1))
    else
        echo "seen: $1"
    fi
}

fresh
echo '#include "agent/slot.h"' >>"$scratch/tree/tasks/sector/params.c"
expect "include across rooms" 'tasks must not include agent/slot.h'

fresh
echo '#include <lmdb.h>' >>"$scratch/tree/scheduler/recover.c"
expect "library outside its file" 'scheduler/recover.c:[0-9]+ is confined'

fresh
{
    echo 'static void planted(void)'
    echo '{'
    for _ in $(seq 71); do echo '    ;'; done
    echo '}'
} >>"$scratch/tree/common/hex.c"
expect "function of 71 lines" 'common/hex.c:[0-9]+: function of 71 lines'

fresh
for _ in $(seq 801); do echo '/* line */'; done >>"$scratch/tree/common/hex.h"
expect "file of 801 lines" 'common/hex.h:800: file has'

fresh
echo 'void planted(char *a, char *b); void planted(char *a, char *b) { strcpy(a, b); }' >>"$scratch/tree/common/hex.c"
expect "unbounded copy" 'common/hex.c:[0-9]+: use the bounded form'

fresh
echo 'void leave(void); void leave(void) { exit(1); }' >>"$scratch/tree/common/hex.c"
expect "exit outside main" 'no exit\(\) outside main.c'

cat >"$scratch/impure.c" <<'C'
#include <time.h>
long planted(void);
long planted(void) { return (long)time(0); }
C
cc -c "$scratch/impure.c" -o "$scratch/impure.o" && ar rcs "$scratch/libimpure.a" "$scratch/impure.o"
fresh
expect "time() in the core" 'scheduler/core: calls time' "$scratch/libimpure.a"

[ "$failed" -eq 0 ]
