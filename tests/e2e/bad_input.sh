#!/usr/bin/env bash
# Faults and bad input: each gets a clear error that says what to do; nothing is lost or half applied.
set -u
. "$(dirname "$0")/lib.sh"
e2e_begin bad-input
lab_init || fail "the laboratory does not come up"

# ---- a piece larger than the sector
head -c 3000 /dev/urandom >"$LAB/large.bin"
before=$(lab_cli --json sectors list | json "len(d)")
expect_error 1 'larger|fit' lab_cli sectors seal --piece "$LAB/large.bin"
[ "$(lab_cli --json sectors list | json "len(d)")" = "$before" ] || fail "a refused job left a sector"
expect_error 1 'piece' lab_cli sectors seal --piece "$LAB/missing.bin"
: >"$LAB/empty.bin"
expect_error 1 'empty' lab_cli sectors seal --piece "$LAB/empty.bin"
pass "pieces that are too large, missing or empty are refused"

# ---- two schedulers on one store
expect_error 1 'sealyard-scheduler|already|lock|in use' "$BIN/sealyard-scheduler" --config "$LAB/scheduler.toml"
lab_cli status >/dev/null || fail "the first scheduler was disturbed"
pass "a second scheduler on the same store is refused"

# ---- unknown key in a TOML file, with its line
sed 's/^name/nmae/' "$LAB/agent-$AGENT/agent.toml" >"$LAB/agent-typo.toml"
expect_error 1 'agent-typo.toml:[0-9]+.*nmae' "$BIN/sealyard-agent" --config "$LAB/agent-typo.toml"
cp "$LAB/policy.toml" "$LAB/policy.good"
echo 'heartbeet = "2s"' >>"$LAB/policy.toml"
expect_error 1 'heartbeet' lab_cli policy check "$LAB/policy.toml"
expect_error 1 'heartbeet' lab_cli policy reload
cp "$LAB/policy.good" "$LAB/policy.toml"
lab_cli policy reload >/dev/null || fail "the good policy is refused"
pass "unknown keys are refused with file and line, and the old policy stays"

# ---- wrong and unknown keys
mkdir -m 0700 "$LAB/foreign"
"$BIN/sealyard-scheduler" keygen --out "$LAB/foreign/other.key" >/dev/null || fail "keygen"
sed "s|^key = .*|key = \"$LAB/foreign/other.key\"|" "$LAB/sealyard.toml" >"$LAB/foreign.toml"
expect_error 3 'key' "$BIN/sealyard" --config "$LAB/foreign.toml" status
sed "s|^scheduler_key = .*|scheduler_key = \"$LAB/foreign/other.key.pub\"|" "$LAB/sealyard.toml" >"$LAB/server.toml"
expect_error 3 '.' "$BIN/sealyard" --config "$LAB/server.toml" status
chmod 0644 "$LAB/foreign/other.key"
expect_error 1 '0600|chmod' "$BIN/sealyard" --config "$LAB/foreign.toml" status
pass "an unknown key, a wrong server key and a readable key file are refused"

# ---- a store without its marker
mkdir "$LAB/bare"
expect_error 1 'sectorstore.json|--init' lab_cli stores attach --agent "$AGENT" --kind scratch "$LAB/bare"
mv "$LAB/scratch/sectorstore.json" "$LAB/marker"
scratch_offline() {
    lab_cli --json stores list | json "[s['online'] for s in d if s['path'] == '$LAB/scratch'] == [False]" | grep -qx true
}
wait_until 20 scratch_offline || fail "a missing marker is not noticed: $(lab_cli stores list)"
job=$(lab_cli --json sectors pledge | json "d['job']")
waiting_task() {
    task=$(lab_cli --json tasks list | json "[t['id'] for t in d if t['stage'] == 'AP' and t['state'] == 'queued'][0]") && [ -n "$task" ]
}
wait_until 10 waiting_task || fail "no task waits: $(lab_cli tasks list)"
lab_cli tasks why "$task" | grep -qi 'store' || fail "tasks why does not name the store: $(lab_cli tasks why "$task")"
mv "$LAB/marker" "$LAB/scratch/sectorstore.json"
lab_cli jobs wait "$job" --timeout 10m >/dev/null || fail "the job does not go on when the marker is back"
pass "a store without marker is not written to, and work goes on when it is back"

# ---- full scratch disk
lab_cli agents pause "$AGENT" >/dev/null || fail "pause"
mkdir "$LAB/small"
mount -t tmpfs -o size=2m none "$LAB/small" || fail "tmpfs"
lab_cli stores attach --agent "$AGENT" --kind scratch --init "$LAB/small" >/dev/null || fail "attach"
mv "$LAB/scratch/sectorstore.json" "$LAB/marker"
wait_until 20 scratch_offline || fail "scratch stays online"
head -c 3m /dev/zero >"$LAB/small/filler" 2>/dev/null
lab_cli agents resume "$AGENT" >/dev/null || fail "resume"
job=$(lab_cli --json sectors pledge | json "d['job']")
full_seen() {
    waiting_task && lab_cli tasks why "$task" | grep -qiE 'free|full|space'
}
wait_until 30 full_seen || fail "the full disk is not named: $(lab_cli tasks why "$task")"
rm "$LAB/small/filler"
mv "$LAB/marker" "$LAB/scratch/sectorstore.json"
lab_cli jobs wait "$job" --timeout 10m >/dev/null || fail "the job does not go on when there is space: $(lab_cli tasks list)"
pass "a full scratch disk holds the work back and says so"

# ---- revoked agent
lab_cli agents revoke "$AGENT" >/dev/null || fail "revoke"
not_online() {
    ! lab_agent_online
}
wait_until 40 not_online || fail "a revoked agent stays online"
grep -qiE 'revoked|refused' "$LAB/log/agent-$AGENT.log" || { sleep 3; grep -qiE 'revoked|refused' "$LAB/log/agent-$AGENT.log"; } ||
    fail "the agent's log does not say that its key is refused"
pass "a revoked agent is cut off and its log says why"

lab_stop
sed 's/^log_level/log_levle/' "$LAB/scheduler.toml" >"$LAB/typo.toml"
line=$(grep -n log_levle "$LAB/typo.toml" | cut -d: -f1)
expect_error 1 "typo.toml:$line.*log_levle.*log_level" "$BIN/sealyard-scheduler" --config "$LAB/typo.toml"
pass "a scheduler with an unknown key does not start"
"$BIN/sealyard-scheduler" fsck --config "$LAB/scheduler.toml" || fail "fsck"
pass "fsck is clean after all of it"
