# A laboratory in one directory: development chain, scheduler and agent on this machine, with keys and
# TOML files as a provider would have them. Sourced by ops/quickstart and the end-to-end tests.
#
#   lab_init       make keys and configuration in $LAB
#   lab_start      start what is not running and wait until it answers
#   lab_stop       end what was started
# Settings (variables): LAB directory, BIN directory of the programs, SECTOR_SIZE, BLOCK_MS,
# SCHEDULER_PORT, CHAIN_PORT, AGENT name, SLOTS (TOML lines), PARAMETERS directory of the proof parameters,
# shared by laboratories and made when it lacks those of SECTOR_SIZE.

: "${SECTOR_SIZE:=2KiB}" "${BLOCK_MS:=200}" "${SCHEDULER_PORT:=7710}" "${CHAIN_PORT:=7720}"
: "${AGENT:=lab}" "${LAB_LOG_LEVEL:=info}" "${PARAMETERS:=$LAB_SOURCE/build/parameters}"
: "${SLOTS:=ap = 2
pc1 = 2
pc2 = 1
c1 = 2
c2 = 1
fin = 2
unseal = 1
remove = 1}"

lab_say() {
    printf '%s\n' "$*" >&2
}

lab_die() {
    lab_say "lab: $*"
    return 1
}

# lab_running NAME: true when the process of the pid file lives and is that program.
lab_running() {
    local pid
    pid=$(cat "$LAB/run/$1.pid" 2>/dev/null) || return 1
    [ -n "$pid" ] && [ -d "/proc/$pid" ] && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q -- "$BIN/"
}

# lab_spawn NAME COMMAND...: in the background, own session, log in $LAB/log/NAME.log.
lab_spawn() {
    local name=$1
    shift
    setsid "$@" >>"$LAB/log/$name.log" 2>&1 </dev/null &
    echo $! >"$LAB/run/$name.pid"
}

# lab_wait SECONDS WHAT COMMAND...: until the command succeeds.
lab_wait() {
    local seconds=$1 what=$2 end
    shift 2
    end=$((SECONDS + seconds))
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$end" ]; then
            lab_die "$what did not come up in $seconds s; see $LAB/log"
            return 1
        fi
        sleep 0.1
    done
}

lab_write_scheduler_toml() {
    local sender=$1
    cat >"$LAB/scheduler.toml" <<TOML
policy = "$LAB/policy.toml"

[scheduler]
dir = "$LAB/scheduler"
listen = ["tcp://127.0.0.1:$SCHEDULER_PORT"]
map_bytes = "256MiB"
plugin_dir = "$BIN/../lib/plugins"
log_level = "$LAB_LOG_LEVEL"

[[miner]]
actor = 1000
sector_size = "$SECTOR_SIZE"

[plugin.chain]
node = "http://127.0.0.1:$CHAIN_PORT/rpc/v1"
poll = "${BLOCK_MS}ms"
precommit_batch_threshold = 1
commit_batch_threshold = 1
seed_confidence = 1

[plugin.messaging]
node = "http://127.0.0.1:$CHAIN_PORT/rpc/v1"
poll = "${BLOCK_MS}ms"
sender = "$sender"
key_file = "$LAB/devchain/keys/worker.key"
confidence = 2
TOML
}

lab_write_agent_toml() {
    local name=$1 dir=$2
    mkdir -p "$dir"
    cat >"$dir/agent.toml" <<TOML
[agent]
name = "$name"
dir = "$dir"
scheduler = "tcp://127.0.0.1:$SCHEDULER_PORT"
parent_cache = "$LAB/parent-cache"
parameters = "$PARAMETERS"
log_level = "$LAB_LOG_LEVEL"

[slots]
$SLOTS

[cgroup]
mode = "${CGROUP_MODE:-required}"
parent = "sealyard-$(echo "$LAB" | cksum | cut -d' ' -f1)"
TOML
}

lab_cli() {
    "$BIN/sealyard" --config "$LAB/sealyard.toml" "$@"
}

# Proof parameters of the sector size: made once, from this machine's randomness, for this network of one.
# Without a C2 slot nobody needs them.
lab_parameters() {
    grep -q '^c2 = [1-9]' <<<"$SLOTS" || return 0
    mkdir -p "$PARAMETERS" || return 1
    PARAMETERS=$(cd "$PARAMETERS" && pwd)
    (
        flock 9 || exit 1 # two callers do not make them twice
        "$BIN/sealyard" params verify --sector-size "$SECTOR_SIZE" --kind porep --dir "$PARAMETERS" \
            >/dev/null 2>&1 && exit 0
        lab_say "making the proof parameters for $SECTOR_SIZE sectors in $PARAMETERS: once, a minute or two"
        "$BIN/sealyard" params generate --sector-size "$SECTOR_SIZE" --kind porep --dir "$PARAMETERS" >&2
    ) 9>"$PARAMETERS/.lock" || lab_die "no proof parameters in $PARAMETERS"
}

lab_chain_up() {
    python3 -c "
import json, sys, urllib.request
body = json.dumps({'jsonrpc': '2.0', 'method': 'Filecoin.ChainHead', 'params': [], 'id': 1}).encode()
request = urllib.request.Request('http://127.0.0.1:$CHAIN_PORT/rpc/v1', body, {'Content-Type': 'application/json'})
sys.exit(0 if 'result' in json.load(urllib.request.urlopen(request, timeout=2)) else 1)"
}

lab_start_chain() {
    lab_running devchain && return 0
    lab_spawn devchain "$BIN/sealyard-devchain" --dir "$LAB/devchain" \
        --listen "127.0.0.1:$CHAIN_PORT" --block-ms "$BLOCK_MS" --sector-size "$SECTOR_SIZE" \
        --parameters "$PARAMETERS"
    lab_wait 30 "the development chain" lab_chain_up
}

# A killed process keeps its lock until the kernel has ended it, so a start may be refused once: it is
# repeated as a supervisor would.
lab_scheduler_up() {
    lab_running scheduler ||
        lab_spawn scheduler "$BIN/sealyard-scheduler" --config "$LAB/scheduler.toml"
    lab_cli status
}

lab_start_scheduler() {
    lab_running scheduler && return 0
    lab_wait 30 "the scheduler" lab_scheduler_up
}

lab_agent_online() {
    lab_cli --json agents list | grep -q '"online"'
}

lab_agent_up() {
    lab_running "agent-$AGENT" ||
        lab_spawn "agent-$AGENT" "$BIN/sealyard-agent" --config "$LAB/agent-$AGENT/agent.toml"
    lab_agent_online
}

lab_start_agent() {
    lab_running "agent-$AGENT" && return 0
    lab_wait 30 "agent $AGENT" lab_agent_up
}

lab_enroll_agent() {
    (umask 077 && lab_cli agents enroll "$AGENT" >"$LAB/run/token" 2>/dev/null) || return 1
    "$BIN/sealyard-agent" enroll --config "$LAB/agent-$AGENT/agent.toml" \
        --token-file "$LAB/run/token" >>"$LAB/log/agent-$AGENT.log" 2>&1 ||
        lab_die "agent $AGENT could not enrol; see $LAB/log/agent-$AGENT.log" || return 1
    rm -f "$LAB/run/token"
}

lab_attach_stores() {
    mkdir -p "$LAB/scratch" "$LAB/store"
    lab_cli stores attach --agent "$AGENT" --kind scratch --init "$LAB/scratch" >/dev/null &&
        lab_cli stores attach --agent "$AGENT" --kind long --init "$LAB/store" >/dev/null
}

# Makes everything for the first start; a second call changes nothing.
lab_init() {
    [ -f "$LAB/ready" ] && return 0
    mkdir -p "$LAB" "$LAB/log" "$LAB/run" "$LAB/parent-cache" || return 1
    chmod 0755 "$LAB"
    LAB=$(cd "$LAB" && pwd)
    cp "$LAB_SOURCE/policies/lab.toml" "$LAB/policy.toml"
    lab_parameters || return 1
    lab_start_chain || return 1
    lab_write_scheduler_toml "$(cat "$LAB/devchain/keys/worker.address")"
    "$BIN/sealyard-scheduler" init --config "$LAB/scheduler.toml" >>"$LAB/log/scheduler.log" 2>&1 ||
        lab_die "the scheduler's store could not be made; see $LAB/log/scheduler.log" || return 1
    cat >"$LAB/sealyard.toml" <<TOML
scheduler = "ipc://$LAB/scheduler/scheduler.ipc"
scheduler_key = "$LAB/scheduler/keys/server.pub"
key = "$LAB/scheduler/keys/admin.key"
TOML
    lab_start_scheduler || return 1
    lab_write_agent_toml "$AGENT" "$LAB/agent-$AGENT"
    lab_enroll_agent && lab_start_agent && lab_attach_stores && touch "$LAB/ready"
}

lab_start() {
    LAB=$(cd "$LAB" && pwd)
    lab_start_chain && lab_start_scheduler && lab_start_agent
}

# Ends agent, scheduler and chain; running stages end with the agent's slots.
lab_stop() {
    local file pid
    for file in "$LAB"/run/agent-*.pid "$LAB/run/scheduler.pid" "$LAB/run/devchain.pid"; do
        [ -f "$file" ] || continue
        pid=$(cat "$file")
        if [ -d "/proc/$pid" ]; then
            kill -TERM "$pid" 2>/dev/null
            for _ in $(seq 100); do
                [ -d "/proc/$pid" ] || break
                sleep 0.1
            done
            kill -KILL "$pid" 2>/dev/null
        fi
        rm -f "$file"
    done
    lab_end_tasks
}

# Shims outlive their agent on purpose; when the laboratory ends they end too.
lab_end_tasks() {
    local pid
    for pid in $(pgrep -f "sealyard-shim.*$LAB/" 2>/dev/null); do
        kill -KILL "$pid" 2>/dev/null
    done
    return 0
}
