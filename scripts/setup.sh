#!/usr/bin/env bash
# Installs what is missing on a bare Debian: `setup.sh build` for building, `setup.sh test` for the
# tests, `setup.sh tls` for testssl.sh, `setup.sh container` for those of the container, `setup.sh bench` for the bench,
# `setup.sh nginx-compat` for what people's commands call in the image that takes nginx's place.
# Does nothing, and asks no server, where everything is there.
set -euo pipefail

packages=()

# need COMMAND PACKAGE...: the packages, unless the command is there.
need() {
    local command=$1
    shift
    command -v "$command" >/dev/null || packages+=("$@")
}

if [ "${1:-build}" = nginx-compat ]; then
    need curl curl
    need envsubst gettext-base
else
    need cc gcc libc6-dev
    need make make
    need cmake cmake
fi
if [ "${1:-build}" = test ]; then
    need chromium chromium
    need promtool prometheus
    need openssl openssl
    need pebble pebble
    need certutil libnss3-tools
    need curl curl
    need nginx nginx
    need haproxy haproxy
    need systemd-analyze systemd
    need redis-server redis-server
    need dash dash
    # For what the fuzz targets are linked with.
    need c++ g++
    need envsubst gettext-base
    python3 -c 'import venv, ensurepip' 2>/dev/null || packages+=(python3 python3-venv python3-pip)
fi
if [ "${1:-build}" = container ]; then
    need dockerd docker.io
    need docker-compose docker-compose
    need debootstrap debootstrap
    need ip iproute2
    need curl curl
    need prometheus prometheus
    python3 -c 'import venv, ensurepip' 2>/dev/null || packages+=(python3 python3-venv python3-pip)
fi
if [ "${1:-build}" = tls ]; then
    need testssl testssl.sh
    need openssl openssl
    need python3 python3
fi
if [ "${1:-build}" = bench ]; then
    need wrk wrk
    need nginx nginx
    need haproxy haproxy
    need python3 python3
    need pgrep procps
    need openssl openssl
fi

if [ ${#packages[@]} -gt 0 ]; then
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    echo "installing ${packages[*]}"
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

[ "${1:-build}" = nginx-compat ] || command -v cargo >/dev/null || {
    echo "cargo is missing: install Rust with rustup (https://rustup.rs), then try again" >&2
    exit 1
}
