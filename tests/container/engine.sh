#!/usr/bin/env bash
# A Docker engine that shares nothing with the machine's own. To be run in namespaces of its own (engine.py does):
# it sees no network but its loopback, and whatever it starts or mounts ends with this process.
set -euo pipefail
folder=$1
cgroup=$2

ip link set lo up
# As in the networks that Docker makes.
echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start
# containerd and runc keep sockets and locks at fixed places here; the machine's are not to be seen.
mount -t tmpfs none /run

dockerd --host "unix://$folder/docker.sock" --pidfile "$folder/docker.pid" \
    --data-root "$folder/data" --exec-root "$folder/exec" --cgroup-parent "$cgroup" \
    --bridge=none --iptables=false --ip6tables=false --ip-forward=false &
engine=$!
trap 'kill "$engine"' TERM
# The first process of a PID namespace inherits the orphans; bash buries them while it waits.
while kill -0 "$engine" 2>/dev/null; do wait "$engine" || true; done
