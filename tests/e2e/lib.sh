# Shared by the end-to-end tests: a fresh laboratory in a temporary directory, checks, clean-up.
# Usage: . lib.sh; e2e_begin NAME. Environment: SOURCE (project root), BIN (programs).
# Exit status 77 means skipped, with the reason printed.

LAB_SOURCE=${SOURCE:?set SOURCE to the project root}
BIN=${BIN:?set BIN to the directory of the programs}

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    for log in "$LAB"/log/*.log; do
        [ -f "$log" ] && { printf -- '---- %s\n' "$log"; tail -n 40 "$log"; } >&2
    done
    exit 1
}

pass() {
    printf 'ok: %s\n' "$*"
}

e2e_skip() {
    printf 'SKIPPED: %s\n' "$*"
    exit 77
}

# Ports of this run: a block of ten, tried until free.
pick_ports() {
    local base
    for _ in $(seq 50); do
        base=$((20000 + (RANDOM % 1200) * 10)) # below the ephemeral ports
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$base") 2>/dev/null &&
            ! (exec 3<>"/dev/tcp/127.0.0.1/$((base + 1))") 2>/dev/null; then
            SCHEDULER_PORT=$base
            CHAIN_PORT=$((base + 1))
            return 0
        fi
    done
    fail "no free ports"
}

e2e_end() {
    local status=$?
    trap - EXIT
    lab_stop >/dev/null 2>&1
    for mount in $(awk -v lab="$LAB" 'index($2, lab) == 1 {print $2}' /proc/mounts); do
        umount "$mount" 2>/dev/null
    done
    if [ "$status" -eq 0 ] || [ "$status" -eq 77 ]; then
        rm -rf "$LAB"
    else
        printf 'kept for a look: %s\n' "$LAB" >&2
    fi
    exit "$status"
}

e2e_begin() {
    [ "$(id -u)" -eq 0 ] || e2e_skip "needs root for cgroups"
    LAB=$(mktemp -d "/tmp/sealyard-$1-XXXXXX")
    pick_ports
    # shellcheck source=ops/lab.sh
    . "$LAB_SOURCE/ops/lab.sh"
    trap e2e_end EXIT
    trap 'exit 1' INT TERM
}

# json EXPRESSION < document: evaluates a Python expression over the document d and prints it.
json() {
    python3 -c '
import json, sys
d = json.load(sys.stdin)
r = eval(sys.argv[1])
print(r if isinstance(r, str) else json.dumps(r))' "$1"
}

# expect_error CODE PATTERN COMMAND...: the command ends with CODE and says PATTERN.
expect_error() {
    local code=$1 pattern=$2 output status
    shift 2
    output=$("$@" 2>&1)
    status=$?
    [ "$status" -eq "$code" ] || fail "'$*' ended with $status, expected $code: $output"
    grep -qE -- "$pattern" <<<"$output" || fail "'$*' did not say '$pattern' but: $output"
}

# all_proving COUNT: true when there are COUNT sectors and all are Proving.
all_proving() {
    [ "$(lab_cli --json sectors list | json "len(d) == $1 and all(s['state'] == 'Proving' for s in d)")" = true ]
}

wait_until() {
    local seconds=$1 end
    shift
    end=$((SECONDS + seconds))
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.2
    done
}

# stop_and_wait NAME: SIGTERM to the process of run/NAME.pid, and its end.
stop_and_wait() {
    local name=$1
    kill -TERM "$(cat "$LAB/run/$name.pid")"
    process_gone() {
        ! lab_running "$name"
    }
    wait_until 20 process_gone || fail "$name does not stop"
}

# e2e_second_host PREFIX: a host (network namespace $host) linked to this one: here $host-a with
# $net.1, there $net.2, net = PREFIX and a number. It goes with the test.
e2e_second_host() {
    command -v ip >/dev/null || e2e_skip "iproute2 is missing"
    host=sy$$
    ip netns add "$host" 2>/dev/null || e2e_skip "network namespaces are not available here"
    trap 'remove_second_host; e2e_end' EXIT
    net=$1.$((RANDOM % 250 + 1))
    ip link add "$host-a" type veth peer name "$host-b" netns "$host" || e2e_skip "no veth devices here"
    ip addr add "$net.1/24" dev "$host-a" && ip link set "$host-a" up || fail "network"
    ip -n "$host" addr add "$net.2/24" dev "$host-b" && ip -n "$host" link set "$host-b" up && ip -n "$host" link set lo up || fail "network"
}

remove_second_host() {
    ip netns del "$host" 2>/dev/null
    ip link del "$host-a" 2>/dev/null
}

# on_second_host COMMAND...
on_second_host() {
    nsenter --net="/run/netns/$host" "$@"
}
