#!/usr/bin/env bash
# From the command line to Proving and back: two CC sectors, one with two files, unsealing.
set -u
. "$(dirname "$0")/lib.sh"
e2e_begin first-sector
lab_init || fail "the laboratory does not come up"

head -c 700 /dev/urandom >"$LAB/a.bin"
head -c 100 /dev/urandom >"$LAB/b.bin"
pledge=$(lab_cli --json sectors pledge --count 2 | json "d['job']") || fail "pledge refused"
lab_cli sectors seal --piece "$LAB/a.bin" --piece "$LAB/b.bin" --wait --timeout 10m >/dev/null ||
    fail "the seal job did not end well"
lab_cli jobs wait "$pledge" --timeout 10m >/dev/null || fail "the pledge job did not end well"
all_proving 3 || fail "not all sectors are Proving"
pass "three sectors are Proving"

lab_cli --json sectors list >"$LAB/sectors.json"
json "all(k in s for s in d for k in ['miner', 'number', 'state', 'proof_type', 'comm_d', 'comm_r', 'ticket_epoch', 'seed_epoch', 'precommit_cid', 'commit_cid', 'agent', 'pieces'])" \
    <"$LAB/sectors.json" | grep -qx true || fail "a documented key is missing in sectors list --json"
json "len({s['number'] for s in d}) == 3 and all(s['comm_r'].startswith('bagboea4b5abc') and s['comm_d'].startswith('baga6ea4seaq') and s['precommit_cid'].startswith('bafy2bza') and s['commit_cid'].startswith('bafy2bza') and s['seed_epoch'] > s['ticket_epoch'] for s in d)" \
    <"$LAB/sectors.json" | grep -qx true || fail "values in sectors list --json: $(cat "$LAB/sectors.json")"
pass "sectors list --json has its documented fields"

number=$(json "[s['number'] for s in d if any(p['raw_bytes'] for p in s['pieces'])][0]" <"$LAB/sectors.json")
lab_cli sectors show "$number" --log --json >"$LAB/log.json" || fail "sectors show --log"
json "[e['event'] for e in d].count('TASK_RESULT') == 6 and all(e['wall_ms'] > 0 for e in d)" <"$LAB/log.json" |
    grep -qx true || fail "the log of sector $number: $(cat "$LAB/log.json")"
pass "sectors show --log tells the whole life"

# pieces are padded to 127 * 2^k: a.bin has 700 bytes -> 1016, b.bin follows behind its zeros
lab_cli sectors unseal "$number" --out "$LAB/a.out" --size 700 >/dev/null || fail "unseal"
cmp "$LAB/a.bin" "$LAB/a.out" || fail "a.bin came back different"
offset=$(json "[p['offset_bytes'] // 128 * 127 for s in d for p in s['pieces'] if p['raw_bytes'] == 100][0]" <"$LAB/sectors.json")
lab_cli sectors unseal "$number" --out "$LAB/b.out" --offset "$offset" --size 100 >/dev/null || fail "unseal a range"
cmp "$LAB/b.bin" "$LAB/b.out" || fail "b.bin came back different"
lab_cli sectors unseal "$number" --out "$LAB/whole.out" >/dev/null || fail "unseal the whole sector"
[ "$(stat -c %s "$LAB/whole.out")" -eq 2032 ] || fail "the whole sector has $(stat -c %s "$LAB/whole.out") bytes"
cmp -n 700 "$LAB/a.bin" "$LAB/whole.out" || fail "the whole sector does not begin with a.bin"
pass "the files came back bit by bit"

# long-term files are there under Lotus' names, scratch is free again
for file in sealed cache; do
    [ "$(find "$LAB/store/$file" -mindepth 1 -maxdepth 1 | wc -l)" -eq 3 ] || fail "store/$file does not hold three sectors"
done
[ -z "$(find "$LAB/scratch" -name 'sc-02-data-layer*')" ] || fail "layers are left in scratch"
pass "finalize moved the files and freed scratch"

for noun in "status" "jobs list" "tasks list" "agents list" "agents show $AGENT" "stores list" "stores find $number" "chain head" "policy show"; do
    # shellcheck disable=SC2086
    lab_cli $noun >"$LAB/out" || fail "sealyard $noun"
    # shellcheck disable=SC2086
    lab_cli --json $noun | json "d" >/dev/null || fail "sealyard --json $noun"
done
lab_cli chain head --json | json "d['network']" | grep -qx "${NETWORK:-sealyard-devnet}" || fail "network name"
pass "every list answers as table and JSON"

lab_cli sectors remove "$number" >/dev/null 2>&1 && fail "a Proving sector was removed without --force"
lab_stop
"$BIN/sealyard-scheduler" fsck --config "$LAB/scheduler.toml" || fail "fsck"
pass "fsck: replayed events equal the stored rows"
