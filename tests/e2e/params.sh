#!/usr/bin/env bash
# Parameters from the command line: generate, list, verify, fetch from a mirror, and damage found.
# Window PoSt of 2 KiB, since its files are the smallest.
set -u
. "$(dirname "$0")/lib.sh"
e2e_begin params
made=$LAB/made
got=$LAB/got
params() {
    "$BIN/sealyard" "$@"
}

params params generate --sector-size 2KiB --kind window --dir "$made" >/dev/null || fail "generate"
params --json params list --dir "$made" | json "[(p['kind'], p['sector_size'], p['params'], p['vk']) for p in d] == [('window', '2KiB', True, True)]" |
    grep -qx true || fail "params list: $(params params list --dir "$made")"
params params verify --sector-size 2KiB --kind window --dir "$made" >/dev/null || fail "verify"
pass "parameters are generated, listed and verified"

expect_error 2 'sector-size' "$BIN/sealyard" params generate --kind window --dir "$made"
expect_error 2 'power of two' "$BIN/sealyard" params generate --sector-size 3KiB --kind window --dir "$made"
(cd "$made" && exec python3 -m http.server --bind 127.0.0.1 "$CHAIN_PORT" >"$LAB/mirror.log" 2>&1) &
mirror=$!
trap 'kill $mirror 2>/dev/null; e2e_end' EXIT
mirror_up() {
    (exec 3<>"/dev/tcp/127.0.0.1/$CHAIN_PORT") 2>/dev/null
}
wait_until 20 mirror_up || fail "no mirror"
params params fetch --url "http://127.0.0.1:$CHAIN_PORT" --sector-size 2KiB --kind window --dir "$got" >/dev/null || fail "fetch"
for file in "$made"/*.params "$made"/*.vk; do
    cmp "$file" "$got/$(basename "$file")" || fail "$(basename "$file") came over different"
done
pass "parameters are fetched from a mirror"

file=$(echo "$got"/*.params)
printf '\377' | dd of="$file" bs=1 seek=5000000 conv=notrunc status=none
expect_error 1 'digest' "$BIN/sealyard" params verify --sector-size 2KiB --kind window --dir "$got"
params params fetch --url "http://127.0.0.1:$CHAIN_PORT" --sector-size 2KiB --kind window --dir "$got" >/dev/null || fail "fetch again"
params params verify --sector-size 2KiB --kind window --dir "$got" >/dev/null || fail "the damaged file was not replaced"
pass "a changed byte is found and mended"
