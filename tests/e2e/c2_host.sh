#!/usr/bin/env bash
# A prover on another host (a network namespace): only C2 slots, no store. C1 outputs come to it over the
# wire, proofs go back, and a cut link or a killed agent in between costs nothing.
set -u
. "$(dirname "$0")/lib.sh"
e2e_begin c2-host
e2e_second_host 10.214

lab_parameters || fail "parameters"
all_slots=$SLOTS
SLOTS=$(grep -v '^c2 =' <<<"$SLOTS") # the sealing host proves nothing
lab_init || fail "the laboratory does not come up"
stop_and_wait scheduler
sed -i "s|^listen = .*|listen = [\"tcp://127.0.0.1:$SCHEDULER_PORT\", \"tcp://$net.1:$SCHEDULER_PORT\"]|" "$LAB/scheduler.toml"
lab_start_scheduler || fail "scheduler"

prover=prover
toml=$LAB/agent-$prover/agent.toml
SLOTS=$(sed 's/= .*/= 0/; s/^c2 = 0/c2 = 1/' <<<"$all_slots") lab_write_agent_toml "$prover" "$LAB/agent-$prover"
sed -i "s|^scheduler = .*|scheduler = \"tcp://$net.1:$SCHEDULER_PORT\"|" "$toml"
sed -i 's|^parent = .*|parent = "sealyard-prover"|' "$toml"
(umask 077 && lab_cli agents enroll "$prover" >"$LAB/run/token" 2>/dev/null) || fail "enroll"
on_second_host "$BIN/sealyard-agent" enroll --config "$toml" --token-file "$LAB/run/token" >>"$LAB/log/agent-$prover.log" 2>&1 ||
    fail "the prover could not enrol over the link"
start_prover() {
    lab_spawn "agent-$prover" nsenter --net="/run/netns/$host" "$BIN/sealyard-agent" --config "$toml"
}
start_prover
prover_online() {
    lab_cli --json agents show "$prover" | json "d['liveness']" | grep -qx online
}
wait_until 30 prover_online || fail "the prover does not come up"

job=$(lab_cli --json sectors pledge --count 2 | json "d['job']") || fail "pledge"
task_of_prover() {
    [ "$(lab_cli --json tasks list | json "any(t['stage'] == 'C2' and t['agent'] == '$prover' and t['state'] in ('leased', 'running') for t in d)")" = true ]
}
wait_until 120 task_of_prover || fail "no C2 task on the prover: $(lab_cli tasks list)"
kill -KILL "$(cat "$LAB/run/agent-$prover.pid")"
ip link set "$host-a" down
sleep 2
ip link set "$host-a" up
start_prover
pass "the prover was killed and its link cut while it had a task"
lab_cli jobs wait "$job" --timeout 4m >/dev/null || fail "the job does not end well: $(lab_cli tasks list)"
all_proving 2 || fail "not Proving"
[ "$(lab_cli --json tasks list | json "sorted({(t['stage'], t['agent']) for t in d if t['state'] == 'done' and t['agent'] == '$prover'}) == [('C2', '$prover')]")" = true ] ||
    fail "the prover did something else: $(lab_cli tasks list)"
[ "$(lab_cli --json tasks list | json "[t['agent'] for t in d if t['stage'] == 'C2' and t['state'] == 'done'] == ['$prover'] * 2")" = true ] ||
    fail "C2 ran elsewhere: $(lab_cli tasks list)"
grep -q 'what="fetched"' "$LAB/log/agent-$prover.log" || fail "no C1 output came over the wire"
[ -z "$(ls "$LAB/agent-$prover/inputs")" ] || fail "C1 outputs stay on the prover: $(ls "$LAB/agent-$prover/inputs")"
pass "two sectors are Proving with proofs from a host without stores"
