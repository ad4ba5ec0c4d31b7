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
if os.path.exists(store + "lie"):  # one C2 slot, so one after the other: the first is true
    turn = len(os.listdir(store)) - 1
    with open(store + str(turn), "w") as file:
        json.dump({"number": spec["number"], "proof": own}, file)
    first = json.load(open(store + "0"))["proof"]
    lies = {1: own[:100] + ("0" if own[100] != "0" else "1") + own[101:],  # a changed byte
            2: first,                                                     # the proof of another sector
            3: first[:96] + own[96:288] + first[288:]}                    # forged: A and C of another proof
    result["proof"] = lies.get(turn, own)
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
    stop_and_wait "agent-$AGENT"
    lab_start_agent || fail "the agent does not start"
}
restart_agent
# all four proofs in one trial; afterwards each goes as it comes
batch_of() {
    sed -i "s/^commit_batch_threshold = .*/commit_batch_threshold = $1/" "$LAB/scheduler.toml"
    sed -i '/^commit_batch_max_wait/d' "$LAB/scheduler.toml"
    sed -i "/^commit_batch_threshold/a commit_batch_max_wait = \"$2\"" "$LAB/scheduler.toml"
    stop_and_wait scheduler
    lab_start_scheduler || fail "the scheduler does not start"
}
batch_of 4 1m

lab_cli sectors pledge --count 4 >/dev/null || fail "pledge"
number_of_turn() {
    json "d['number']" <"$LAB/proofs/$1"
}
refused() {
    [ -f "$LAB/proofs/3" ] &&
        [ "$(lab_cli --json sectors list | json "[s['number'] for s in d if s['state'] == 'Proving'] == [$(number_of_turn 0)] and sum(1 for s in d if s['error']) == 3")" = true ]
}
wait_until 240 refused || fail "not judged as expected: $(lab_cli sectors list)"
lab_cli --json sectors list >"$LAB/sectors.json"
for turn in 1 2 3; do
    number=$(number_of_turn "$turn")
    json "[s['error'] for s in d if s['number'] == $number][0]" <"$LAB/sectors.json" >"$LAB/why"
    grep -qE "refuses the proof of this sector: exit 16: sector $number: " "$LAB/why" || fail "the scheduler does not say why sector $number was refused: $(cat "$LAB/why")"
    printf 'lie %s, sector %s: %s\n' "$turn" "$number" "$(cat "$LAB/why")"
done
pass "a changed byte, another sector's proof and a forged one are refused, and the scheduler says why"

# the honest prover
rm "$LAB/proofs/lie"
cp "$LAB/honest.toml" "$LAB/agent-$AGENT/agent.toml"
restart_agent
batch_of 1 0s
honest() {
    local number
    for number in 0 1 2 3; do
        lab_cli sectors retry "$number" >/dev/null 2>&1
    done
    all_proving 4
}
wait_until 240 honest || fail "an honest prover does not end it: $(lab_cli sectors list)"
pass "with an honest prover all four sectors are Proving"
