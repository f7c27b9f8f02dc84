"""TLS: handshakes beside nginx, and what a thousand certificates cost. Run by run.py."""

import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from run import ROOT, ROUNDS, Process, free_port

HANDSHAKES = 2000
KEYS = {
    "ECDSA P-256": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "RSA 2048": ["-newkey", "rsa:2048"],
}


def certificate(folder, name, kind, host="bench.test"):
    """A certificate of its own, and its key."""
    chain, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", "-days", "90", "-subj", f"/CN={host}", "-addext",
         f"subjectAltName=DNS:{host}", "-addext", "basicConstraints=critical,CA:FALSE",
         *KEYS[kind], "-keyout", key, "-out", chain],
        check=True, capture_output=True,
    )
    return chain, key


def tls_vordr(folder, servers):
    """vordr with a certificate for each host."""
    port, rules = free_port(), folder / "tls.kdl"
    text = ['vordr { workers 1; access-log off; limits { header-timeout "30s"; }; }']
    for host, (chain, key) in servers.items():
        text.append(
            f'server "{host}" {{ listen "127.0.0.1:{port}" tls=on; tls {{ cert "{chain}"; key "{key}"; }}\n'
            'location "/" { respond 204; }\n}'
        )
    rules.write_text("\n".join(text))
    return Process("vordr", port, ROOT / "target/release/vordr", "run", rules)


def tls_nginx(folder, servers):
    """nginx with the same."""
    port, conf = free_port(), folder / "tls.conf"
    blocks = [
        f"server {{ listen 127.0.0.1:{port} ssl backlog=4096; server_name {host}; ssl_certificate {chain};"
        f" ssl_certificate_key {key}; return 204; }}"
        for host, (chain, key) in servers.items()
    ]
    conf.write_text(
        f"daemon off; worker_processes 1; pid {folder}/tls.pid; error_log /dev/null; events {{ worker_connections 10000; }}\n"
        f"http {{ access_log off; server_names_hash_max_size 8192; ssl_protocols TLSv1.2 TLSv1.3; {' '.join(blocks)} }}"
    )
    return Process("nginx", port, "nginx", "-c", conf, "-p", folder)


def shake(server, ca, kind):
    """Handshakes per CPU second of the server."""
    before = server.cpu_seconds()
    client = ROOT / "bench/target/release/handshakes"
    subprocess.run([client, f"127.0.0.1:{server.port}", ca, str(HANDSHAKES), kind], check=True)
    return HANDSHAKES / (server.cpu_seconds() - before)


def handshakes():
    print(f"TLS 1.3 handshakes per CPU second, X25519, median of {ROUNDS} rounds of {HANDSHAKES}\n")
    print("| key | handshake | vordr | nginx | ratio |\n|---|---|---|---|---|")
    for key in KEYS:
        with tempfile.TemporaryDirectory(prefix="vordr-bench-") as folder:
            folder = Path(folder)
            pair = certificate(folder, "bench", key)
            servers = []
            try:
                servers = [start(folder, {"bench.test": pair}) for start in (tls_vordr, tls_nginx)]
                for kind in ("full", "resumed"):
                    rounds = [[shake(server, pair[0], kind) for server in servers] for _ in range(ROUNDS)]
                    ours, theirs = (statistics.median(each) for each in zip(*rounds))
                    ratio = statistics.median(a / b for a, b in rounds)
                    print(f"| {key} | {kind} | {ours:.0f} | {theirs:.0f} | {ratio:.2f} |", flush=True)
            finally:
                for server in servers:
                    server.stop()


def certificates():
    print("| certificates | start | memory | handshakes per CPU second |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="vordr-bench-") as folder:
        folder = Path(folder)
        servers = {"bench.test": certificate(folder, "bench", "ECDSA P-256")}
        for number in range(1, 1000):
            servers[f"h{number}.test"] = certificate(folder, f"h{number}", "ECDSA P-256", f"h{number}.test")
        for count in (1, 1000):
            before = time.monotonic()
            server = tls_vordr(folder, dict(list(servers.items())[:count]))
            start = time.monotonic() - before
            try:
                rate = statistics.median(shake(server, servers["bench.test"][0], "full") for _ in range(ROUNDS))
                print(f"| {count} | {start:.2f} s | {server.resident() / 2**20:.1f} MiB | {rate:.0f} |", flush=True)
            finally:
                server.stop()
