#!/usr/bin/env bash
# A prover that lies: one proof with a changed byte, one of another sector, one forged from valid points,
# and a true one in the same message. The chain refuses each lie for its sector alone, the scheduler shows
# why, and an honest prover ends what was begun.
set -u
. "$(dirname "$0")/lib.sh"
e2e_begin false-proofs
lab_init || fail "the laboratory does not come up"
mkdir "$LAB/proofs"
cat >"$LAB/liar.py" <<PY
import json, os, subprocess, sys

spec = json.load(open(sys.argv[sys.argv.index("--spec") + 1]))
child = subprocess.run(["$BIN/sealyard-task"] + sys.argv[1:], stdout=subprocess.PIPE, pass_fds=(3,))
if child.returncode != 0:
    sys.stdout.buffer.write(child.stdout)
    sys.exit(child.returncode)
result = json.loads(child.stdout)
own = result["proof"]
store = "$LAB/proofs/"
with open(store + str(spec["number"]), "w") as file:
    file.write(own)
first = open(store + "0").read()
lies = {1: own[:100] + ("0" if own[100] != "0" else "1") + own[101:],  # a changed byte
        2: first,                                                     # the proof of another sector
        3: first[:96] + own[96:288] + first[288:]}                    # forged: A and C of another proof
if os.path.exists(store + "lie"):
    result["proof"] = lies.get(spec["number"], own)
json.dump(result, sys.stdout)
PY
touch "$LAB/proofs/lie"
cp "$LAB/agent-$AGENT/agent.toml" "$LAB/honest.toml"
cat >>"$LAB/agent-$AGENT/agent.toml" <<TOML

[stage.c2]
exec = ["$(command -v python3)", "$LAB/liar.py"]
writable = ["$LAB/proofs"]
TOML
chmod 0755 "$LAB/proofs"
restart_agent() {
    kill -TERM "$(cat "$LAB/run/agent-$AGENT.pid")"
    agent_gone() {
        ! lab_running "agent-$AGENT"
    }
    wait_until 20 agent_gone || fail "the agent does not stop"
    lab_start_agent || fail "the agent does not start"
}
restart_agent
# all four proofs in one message
sed -i 's/^commit_batch_threshold = .*/commit_batch_threshold = 4/; s/^commit_batch_max_wait = .*/commit_batch_max_wait = "2m"/' "$LAB/policy.toml"
lab_cli policy reload >/dev/null || fail "policy reload"

job=$(lab_cli --json sectors pledge --count 4 | json "d['job']") || fail "pledge"
refused() {
    [ "$(lab_cli --json sectors list | json "sum(1 for s in d if s['state'] == 'Proving') == 1 and all(s['error'] for s in d if s['number'] in (1, 2, 3))")" = true ]
}
wait_until 240 refused || fail "not judged as expected: $(lab_cli sectors list)"
lab_cli --json sectors list >"$LAB/sectors.json"
[ "$(json "[s['number'] for s in d if s['state'] == 'Proving'] == [0]" <"$LAB/sectors.json")" = true ] ||
    fail "the wrong sector is Proving: $(lab_cli sectors list)"
for number in 1 2 3; do
    json "[s['error'] for s in d if s['number'] == $number][0]" <"$LAB/sectors.json" >"$LAB/why"
    grep -qiE 'proof' "$LAB/why" || fail "the scheduler does not say why sector $number was refused: $(cat "$LAB/why")"
    printf 'sector %s: %s\n' "$number" "$(cat "$LAB/why")"
done
pass "a changed byte, another sector's proof and a forged one are refused, and the scheduler says why"

# the honest prover
rm "$LAB/proofs/lie"
cp "$LAB/honest.toml" "$LAB/agent-$AGENT/agent.toml"
restart_agent
sed -i 's/^commit_batch_threshold = .*/commit_batch_threshold = 1/' "$LAB/policy.toml"
lab_cli policy reload >/dev/null || fail "policy reload"
honest() {
    local number
    for number in 1 2 3; do
        lab_cli sectors retry "$number" >/dev/null 2>&1
    done
    all_proving 4
}
wait_until 240 honest || fail "an honest prover does not end it: $(lab_cli sectors list)"
pass "with an honest prover all four sectors are Proving"
