#!/usr/bin/env bash
# A stage runs in its own cgroup with cpuset and memory limits, without capabilities it does not need,
# and on hugepages when they are configured.
set -u
. "$(dirname "$0")/lib.sh"
e2e_begin isolation
SECTOR_SIZE=8MiB
# No C2 slot: this test looks at PC1, and parameters for 8 MiB take minutes to make. The sector goes as far
# as C1.
SLOTS=$(grep -v '^c2 =' <<<"$SLOTS")
c1_is_done() {
    [ "$(lab_cli --json tasks list | json "any(t['number'] == $1 and t['stage'] == 'C2' and t['state'] == 'queued' for t in d)")" = true ]
}
lab_init || fail "the laboratory does not come up"

number=$(lab_cli --json sectors pledge | json "d['sectors'][0]") || fail "pledge"
task_pid() {
    pid=$(pgrep -f "^$BIN/sealyard-task pc1" | head -n 1)
    [ -n "$pid" ]
}
wait_until 120 task_pid || fail "PC1 was not seen running: $(lab_cli tasks list)"
cgroups=$(cat "/proc/$pid/cgroup")
grep -q "sealyard-" <<<"$cgroups" || fail "the stage is in no cgroup of ours: $cgroups"
cpus=$(grep Cpus_allowed_list "/proc/$pid/status" | cut -f2)
[ -n "$cpus" ] || fail "no cpuset"
grep -q 'NoNewPrivs:.1' "/proc/$pid/status" || fail "no_new_privs is not set"
tr '\0' '\n' <"/proc/$pid/environ" | grep -qiE 'secret|token|SEALYARD_CONFIG' && fail "the environment leaks"
[ "$(find "/proc/$pid/fd" -lname '*data.mdb*' | wc -l)" -eq 0 ] || fail "the stage holds the scheduler's store open"
pass "PC1 runs in $(grep -o '[^:]*sealyard-[^:]*' <<<"$cgroups" | head -n 1), cpus $cpus"
wait_until 360 c1_is_done "$number" || fail "C1 is not reached: $(lab_cli tasks list)"
pass "an 8 MiB sector waits for C2"

# hugepages: reserve 32 MiB, or say why not
old=$(cat /proc/sys/vm/nr_hugepages)
echo 24 >/proc/sys/vm/nr_hugepages
if [ "$(cat /proc/sys/vm/nr_hugepages)" -lt 24 ]; then
    echo "$old" >/proc/sys/vm/nr_hugepages
    echo "SKIPPED the hugepage part: this kernel gives no 2 MiB pages"
    exit 0
fi
mkdir -p "$LAB/huge"
mount -t hugetlbfs -o pagesize=2M none "$LAB/huge" || fail "hugetlbfs"
cat >>"$LAB/agent-$AGENT/agent.toml" <<TOML

[hugepages]
mount = "$LAB/huge"
page = "2MiB"
TOML
stop_and_wait "agent-$AGENT"
lab_start_agent || fail "the agent does not start with hugepages"
number=$(lab_cli --json sectors pledge | json "d['sectors'][0]") || fail "pledge"
pages_used() {
    [ "$(awk '/HugePages_Free/ {print $2}' /proc/meminfo)" -lt "$(awk '/HugePages_Total/ {print $2}' /proc/meminfo)" ]
}
wait_until 120 pages_used || fail "no hugepage was used: $(grep Huge /proc/meminfo)"
wait_until 360 c1_is_done "$number" || fail "C1 is not reached on hugepages: $(lab_cli tasks list)"
[ "$(awk '/HugePages_Free/ {print $2}' /proc/meminfo)" -eq "$(awk '/HugePages_Total/ {print $2}' /proc/meminfo)" ] ||
    fail "hugepages are not given back"
lab_stop
umount "$LAB/huge"
echo "$old" >/proc/sys/vm/nr_hugepages
pass "PC1 used hugepages and gave them back"
