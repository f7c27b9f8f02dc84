#!/bin/sh
# What a container of vordr in nginx's place starts with: the scripts of /docker-entrypoint.d/, then the command.
#
#   *.envsh   sourced, so that what it exports is there for those after it and for the command
#   *.sh      run; one that fails ends the start
#
# Both in the order of `sort -V`, and only where they are executable. NGINX_ENTRYPOINT_QUIET_LOGS silences it.
set -e

scripts=/docker-entrypoint.d

say() {
    [ -n "${NGINX_ENTRYPOINT_QUIET_LOGS:-}" ] || echo "$0: $*"
}

found=
case ${1:-} in
    nginx | nginx-debug | vordr) found=$(find -L "$scripts" -type f -print 2>/dev/null | sort -V) ;;
esac

# Names end where lines end, and a star in one is no pattern.
IFS='
'
set -f
for script in $found; do
    set +f
    unset IFS
    case $script in
        *.envsh | *.sh) [ -x "$script" ] || { say "Ignoring $script, not executable"; continue; } ;;
        *) say "Ignoring $script"; continue ;;
    esac
    case $script in
        *.envsh)
            say "Sourcing $script"
            # In no function, so that it sees the command as its arguments.
            . "$script" ;;
        *)
            say "Launching $script"
            "$script" ;;
    esac
done
set +f
unset IFS

exec "$@"
