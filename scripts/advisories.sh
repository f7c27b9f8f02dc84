#!/usr/bin/env bash
# Whether anything is known against what vordr is made of: faults that were reported, releases that were withdrawn. The
# database of them is fetched each time; the status is 3 where it is out of reach, which says nothing of vordr.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/audit/bin:$PATH
timeout 120 cargo deny fetch db >/dev/null 2>&1 || {
    echo "advisories: the database cannot be fetched, so nothing was looked at" >&2
    exit 3
}
cargo deny --all-features check advisories
