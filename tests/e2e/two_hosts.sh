#!/usr/bin/env bash
# The agent on another host (a network namespace): sealing over the link, and a cut link in between.
set -u
. "$(dirname "$0")/lib.sh"
e2e_begin two-hosts
e2e_second_host 10.213

LAB=$(cd "$LAB" && pwd)
mkdir -p "$LAB/log" "$LAB/run" "$LAB/parent-cache"
cp "$LAB_SOURCE/policies/lab.toml" "$LAB/policy.toml"
lab_parameters || fail "parameters"
lab_start_chain || fail "chain"
lab_write_scheduler_toml "$(cat "$LAB/devchain/keys/worker.address")"
sed -i "s|^listen = .*|listen = [\"tcp://$net.1:$SCHEDULER_PORT\"]|" "$LAB/scheduler.toml"
"$BIN/sealyard-scheduler" init --config "$LAB/scheduler.toml" >>"$LAB/log/scheduler.log" 2>&1 || fail "init"
cat >"$LAB/sealyard.toml" <<TOML
scheduler = "ipc://$LAB/scheduler/scheduler.ipc"
scheduler_key = "$LAB/scheduler/keys/server.pub"
key = "$LAB/scheduler/keys/admin.key"
TOML
lab_start_scheduler || fail "scheduler"
lab_write_agent_toml "$AGENT" "$LAB/agent-$AGENT"
sed -i "s|^scheduler = .*|scheduler = \"tcp://$net.1:$SCHEDULER_PORT\"|" "$LAB/agent-$AGENT/agent.toml"
(umask 077 && lab_cli agents enroll "$AGENT" >"$LAB/run/token" 2>/dev/null) || fail "enroll"
on_second_host "$BIN/sealyard-agent" enroll --config "$LAB/agent-$AGENT/agent.toml" --token-file "$LAB/run/token" \
    >>"$LAB/log/agent-$AGENT.log" 2>&1 || fail "the agent could not enrol over the link"
lab_spawn "agent-$AGENT" nsenter --net="/run/netns/$host" "$BIN/sealyard-agent" --config "$LAB/agent-$AGENT/agent.toml"
wait_until 30 lab_agent_online || fail "agent"
lab_attach_stores || fail "stores"

job=$(lab_cli --json sectors pledge --count 2 | json "d['job']") || fail "pledge"
for cut in 1 2 3; do
    sleep "0.$((RANDOM % 9))"
    ip link set "$host-a" down
    sleep 2
    ip link set "$host-a" up
    pass "link cut $cut healed"
done
lab_cli jobs wait "$job" --timeout 4m >/dev/null || fail "the job does not end well: $(lab_cli tasks list)"
all_proving 2 || fail "not Proving"
pass "two sectors sealed on another host with three link cuts"
