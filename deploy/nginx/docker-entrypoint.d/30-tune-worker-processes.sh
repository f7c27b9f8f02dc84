#!/bin/sh
# Where NGINX_ENTRYPOINT_WORKER_PROCESSES_AUTOTUNE is set, `worker_processes` becomes `auto`: vordr counts the cores
# that the container may use by itself.
set -eu

rules=/etc/nginx/nginx.conf

say() {
    [ -n "${NGINX_ENTRYPOINT_QUIET_LOGS:-}" ] || echo "${0##*/}: $*"
}

[ -n "${NGINX_ENTRYPOINT_WORKER_PROCESSES_AUTOTUNE:-}" ] || exit 0
if [ ! -w "$rules" ]; then
    say "ERROR: $rules cannot be written, so its worker_processes stays"
    exit 0
fi
# Into the same file, which may be a mount.
tuned=$(sed -E 's/^([[:space:]]*worker_processes[[:space:]]+)[^;]+;/\1auto;/' "$rules")
printf '%s\n' "$tuned" >"$rules"
