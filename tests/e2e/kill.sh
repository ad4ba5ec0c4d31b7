#!/usr/bin/env bash
# kill -9 of the scheduler, the agent, a shim or a task at random moments, KILLS times (default 100).
# Afterwards: every sector is Proving, no completed stage ran again, no acknowledged job is lost, no
# number and no nonce is used twice, and the store replays.
set -u
. "$(dirname "$0")/lib.sh"
KILLS=${KILLS:-100}
SEED=${SEED:-$RANDOM}
e2e_begin kill
echo "kills $KILLS, seed $SEED"
RANDOM=$SEED
lab_init || fail "the laboratory does not come up"
# A stage that fails three times by itself waits for a person; this many kills are no fault of a stage.
# Unit tests hold the limit itself.
sed 's/^\[retry\]$/&\nattempts_max = 100/' "$LAB/policy.toml" >"$LAB/policy.new" &&
    mv "$LAB/policy.new" "$LAB/policy.toml" && lab_cli policy reload >/dev/null ||
    fail "the policy of this test is not taken"

jobs=
sectors=0

submit() {
    local reply
    reply=$(lab_cli --json sectors pledge --count 1 2>/dev/null) || return 0 # not acknowledged: no promise
    jobs="$jobs $(json "d['job']" <<<"$reply")"
    sectors=$((sectors + 1))
}

victim_pid() {
    case $1 in
    scheduler) cat "$LAB/run/scheduler.pid" ;;
    agent) cat "$LAB/run/agent-$AGENT.pid" ;;
    shim) pgrep -f "^$BIN/sealyard-shim.*$LAB" | shuf -n 1 --random-source=<(yes "$RANDOM") ;;
    task) pgrep -f "^$BIN/sealyard-task.*" | shuf -n 1 --random-source=<(yes "$RANDOM") ;;
    esac
}

killed=0
declare -A count=([scheduler]=0 [agent]=0 [shim]=0 [task]=0)
names=(scheduler agent shim task)
end=$((SECONDS + 900))
while [ "$killed" -lt "$KILLS" ] && [ "$SECONDS" -lt "$end" ]; do
    [ $((killed % 4)) -eq 0 ] && submit
    sleep "0.$(printf '%03d' $((RANDOM % 400)))"
    name=${names[$((RANDOM % 4))]}
    pid=$(victim_pid "$name")
    if [ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null; then
        killed=$((killed + 1))
        count[$name]=$((count[$name] + 1))
    else
        submit # nothing of that kind runs: give it work
    fi
    lab_start_scheduler 2>/dev/null || fail "the scheduler does not come back after kill $killed"
    lab_running "agent-$AGENT" ||
        lab_spawn "agent-$AGENT" "$BIN/sealyard-agent" --config "$LAB/agent-$AGENT/agent.toml"
done
[ "$killed" -ge "$KILLS" ] || fail "only $killed of $KILLS kills in 900 s"
echo "killed: scheduler ${count[scheduler]}, agent ${count[agent]}, shim ${count[shim]}, task ${count[task]}; $sectors sectors acknowledged"

lab_start_agent || fail "the agent does not come back"
proved() {
    [ "$(lab_cli --json sectors list | json "all(s['state'] == 'Proving' for s in d)")" = true ]
}
wait_until 1200 proved || fail "not Proving: $(lab_cli sectors list)"
pass "every sector is Proving after $killed kills"

lab_cli --json sectors list >"$LAB/sectors.json"
lab_cli --json jobs list >"$LAB/jobs.json"
for job in $jobs; do
    json "[j['state'] for j in d if j['id'] == $job]" <"$LAB/jobs.json" | grep -qi done || fail "acknowledged job $job is lost or not done"
done
pass "no acknowledged job is lost"
[ "$(json "len({s['number'] for s in d}) == len(d)" <"$LAB/sectors.json")" = true ] || fail "a number was used twice"
pass "no sector number is used twice"

lab_stop
"$BIN/sealyard-scheduler" fsck --config "$LAB/scheduler.toml" || fail "fsck"
"$BIN/sealyard-scheduler" dump --config "$LAB/scheduler.toml" --table events >"$LAB/events.jsonl" || fail "dump"
python3 - "$LAB/events.jsonl" <<'PY' || fail "the event log breaks a promise"
import json, sys

done = {}
tasks = {}
nonces = {}
number = 0
for line in open(sys.argv[1]):
    e = json.loads(line)["value"]
    number += 1
    assert e["number"] == number, f"event numbers have a gap at {number}"
    kind, body = e["kind"], e["body"]
    if kind == "TASK_LEASED":
        assert body["task"] not in done, f"task {body['task']} was leased again after it was done"
    if kind == "TASK_RESULT" and body["ok"]:
        assert body["task"] not in done, f"task {body['task']} was accepted twice"
        done[body["task"]] = body["attempt"]
    if kind == "MESSAGE_SIGNED":
        key = (body["from"], body.get("nonce", 0))
        assert nonces.get(key, body["cid"]) == body["cid"], f"two messages on nonce {key}"
        nonces[key] = body["cid"]
lines = sorted(n for (_, n) in nonces)
assert lines == list(range(len(lines))), f"nonces have a gap: {lines}"
print(f"ok: {number} events, {len(done)} stages accepted once, {len(lines)} nonces in one line")
PY
pass "the event log keeps every promise"
