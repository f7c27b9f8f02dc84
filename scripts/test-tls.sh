#!/usr/bin/env bash
# Has testssl.sh look at a vordr with its defaults, and fails on whatever is graver than "info".
# What is about the test's name in the DNS, or about testssl's own machine, is left out.
set -euo pipefail

vordr=$1
folder=$(mktemp -d)
trap 'kill "${pid:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"

openssl req -x509 -nodes -days 180 -subj "/CN=a test's authority" -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
    -keyout ca.key -out ca.pem 2>/dev/null
openssl req -nodes -subj /CN=localhost -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
    -keyout localhost.key -out localhost.csr 2>/dev/null
cat >extensions <<'END'
subjectAltName=DNS:localhost
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
crlDistributionPoints=URI:http://localhost/none.crl
END
openssl x509 -req -in localhost.csr -CA ca.pem -CAkey ca.key -days 90 -extfile extensions -out localhost.pem 2>/dev/null
chmod 600 localhost.key

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >vordr.kdl <<END
vordr { workers 1; access-log off; }
server localhost {
    listen "127.0.0.1:$port" tls=on
    tls { cert "$folder/localhost.pem"; key "$folder/localhost.key"; hsts "1y"; }
    use security-headers
    location "/" { respond 200 "hello"; }
}
END
"$vordr" run vordr.kdl 2>vordr.log &
pid=$!
timeout 20 sh -c 'until grep -q listening vordr.log; do sleep 0.1; done' || { cat vordr.log; exit 1; }

# Its exit code counts findings, warnings about the machine among them; so the findings themselves are looked at.
testssl --quiet --color 0 --warnings off --add-ca ca.pem --ip one --jsonfile found.json "localhost:$port" || true
python3 - <<'END'
import json

LEFT_OUT = {"engine_problem", "DNS_CAArecord"}
found = json.load(open("found.json"))
assert len(found) > 100, f"testssl.sh found {len(found)} things only: it did not get through"
grave = [one for one in found if one["severity"] not in ("OK", "INFO") and one["id"] not in LEFT_OUT]
for one in grave:
    print(one["severity"], one["id"], one["finding"])
print(f"{len(found)} findings, {len(grave)} graver than info")
raise SystemExit(bool(grave))
END
