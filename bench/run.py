#!/usr/bin/env python3
"""Measures vordr beside a bare Pingora proxy, nginx and haproxy, all in one run.

    bench/run.py              CPU time per proxied request, for three sizes of answer
    bench/run.py websockets   2,000 idle WebSockets, then a message on each; memory per stream
    bench/run.py handshakes   full and resumed TLS handshakes per CPU second beside nginx, by key type
    bench/run.py certificates start, memory and handshakes with one certificate and with a thousand
    bench/run.py hostile      what ordinary clients notice of 1,500 hostile ones, and the memory before and after
    bench/run.py observing    CPU time per request with a log in JSON and metrics scraped each second, beside neither
    bench/run.py routes       start, memory and a scrape with ten routes and with ten thousand
    bench/run.py start        from the start to the first answer, by nginx's name, with 1,000 lines of nginx's

VORDR, BARE and ORIGIN name other binaries than those that `make bench` builds.

What counts is the CPU time that a proxy spends on a request, and its ratio to the bare one's: machines differ, and a
request's latency on a busy machine says more about the machine.
"""

import asyncio
import contextlib
import http.client
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TICKS = os.sysconf("SC_CLK_TCK")
CONNECTIONS, SECONDS, ROUNDS, STREAMS = 64, 4, 11, 2000
VORDR = os.environ.get("VORDR", ROOT / "target/release/vordr")
BARE = os.environ.get("BARE", ROOT / "bench/target/release/bare")
ORIGIN = os.environ.get("ORIGIN", ROOT / "bench/target/release/origin")
SIZES = {"small": "/small", "64 KiB": "/64k", "1 MiB": "/1m"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A server on a free port, with its children counted in."""

    def __init__(self, name, port, *arguments, **environment):
        self.name, self.port = name, port
        self.process = subprocess.Popen(
            [str(word) for word in arguments],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **environment},
        )
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        self.process.kill()
        raise SystemExit(f"{name} does not listen on {port}")

    def pids(self):
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True)
        return [self.process.pid, *map(int, children.stdout.split())]

    def cpu_seconds(self):
        total = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def resident(self):
        pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.pids()]
        return sum(pages) * os.sysconf("SC_PAGESIZE")

    def most_resident(self):
        """The most that was ever resident."""
        lines = [Path(f"/proc/{pid}/status").read_text().splitlines() for pid in self.pids()]
        return sum(int(line.split()[1]) * 1024 for of_one in lines for line in of_one if line.startswith("VmHWM"))

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()


def vordr(folder, upstream, name="vordr", observing=None):
    port = free_port()
    rules = folder / f"{name}.kdl"
    observing = observing or f'admin "127.0.0.1:{free_port()}"; access-log "{folder}/access.log" format=json'
    rules.write_text(f"""
        vordr {{
            workers 1
            {observing}
            limits {{ keepalive "75s" requests=off; }}
        }}
        server "*" {{
            listen "127.0.0.1:{port}"
            location "/" {{ proxy "http://127.0.0.1:{upstream}"; }}
        }}
    """)
    return Process(name, port, VORDR, "run", rules)


def bare(upstream):
    port = free_port()
    return Process("bare", port, BARE, f"127.0.0.1:{port}", f"127.0.0.1:{upstream}")


def nginx(folder, upstream):
    port = free_port()
    conf = folder / "nginx.conf"
    conf.write_text(f"""
        daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log /dev/null;
        events {{ worker_connections 10000; }}
        http {{
            access_log {folder}/nginx.log; keepalive_requests 1000000000; keepalive_timeout 75s;
            upstream app {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 1000000000; }}
            map $http_upgrade $upgrade_or_not {{ default upgrade; '' ''; }}
            server {{
                listen 127.0.0.1:{port} backlog=4096;
                location / {{
                    proxy_pass http://app; proxy_http_version 1.1; proxy_read_timeout 1h;
                    proxy_set_header Host $host; proxy_set_header Upgrade $http_upgrade;
                    proxy_set_header Connection $upgrade_or_not;
                    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Real-IP $remote_addr;
                }}
            }}
        }}
    """)
    return Process("nginx", port, "nginx", "-c", conf, "-p", folder)


def haproxy(folder, upstream):
    port = free_port()
    conf = folder / "haproxy.cfg"
    conf.write_text(f"""
global
    nbthread 1
    maxconn 5000
defaults
    mode http
    timeout connect 5s
    timeout client 75s
    timeout server 75s
    timeout tunnel 1h
    option forwardfor
frontend in
    bind 127.0.0.1:{port}
    default_backend app
backend app
    http-reuse always
    server app 127.0.0.1:{upstream}
""")
    return Process("haproxy", port, "haproxy", "-db", "-f", conf)


def start_all(folder, upstream):
    yield bare(upstream)
    yield vordr(folder, upstream)
    for name, start in (("nginx", nginx), ("haproxy", haproxy)):
        if shutil.which(name):
            yield start(folder, upstream)


def load(server, path):
    """CPU microseconds per request, and requests."""
    before = server.cpu_seconds()
    out = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", f"http://127.0.0.1:{server.port}{path}"],
        capture_output=True, text=True, check=True,
    ).stdout
    spent = server.cpu_seconds() - before
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    # A busy machine may make wrk wait for longer than its 2 s, which it counts as an error too.
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+)", out)
    if "Non-2xx" in out or (errors and any(map(int, errors.groups()))):
        raise SystemExit(f"{server.name} {path}: {out}")
    return spent / requests * 1e6, requests


def requests():
    compare(start_all)


def observing():
    metrics = free_port()

    def start(folder, upstream):
        yield vordr(folder, upstream, "silent", "access-log off")
        log = f'metrics "127.0.0.1:{metrics}"; access-log "{folder}/access.log" format=json'
        yield vordr(folder, upstream, "observed", log)

    over = threading.Event()

    def scrape():
        while not over.wait(1):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics") as page:
                page.read()

    scraping = threading.Thread(target=scrape)
    scraping.start()
    try:
        compare(start)
    finally:
        over.set()
        scraping.join()


def compare(start):
    """CPU per request of servers in front of one origin, and its ratio to the first one's."""
    with tempfile.TemporaryDirectory(prefix="vordr-bench-") as folder:
        folder, port = Path(folder), free_port()
        origin = Process("origin", port, ORIGIN, f"127.0.0.1:{port}")
        servers = []
        try:
            servers.extend(start(folder, port))
            costs = {(server.name, size): [] for server in servers for size in SIZES}
            for number in range(ROUNDS):
                # Whoever comes after another one finds the machine as that one left it.
                order = servers if number % 2 == 0 else servers[::-1]
                for size, path in SIZES.items():
                    for server in order:
                        costs[server.name, size].append(load(server, path)[0])
        finally:
            for server in [*servers, origin]:
                server.stop()
    first = servers[0].name
    print(f"CPU per request, median of {ROUNDS} rounds, {CONNECTIONS} connections; ratio to {first} in each round, median\n")
    print(f"| answer | " + " | ".join(server.name for server in servers) + " |")
    print("|---|" + "---|" * len(servers))
    for size in SIZES:
        cells = []
        for server in servers:
            ratios = [a / b for a, b in zip(costs[server.name, size], costs[first, size])]
            cells.append(f"{statistics.median(costs[server.name, size]):.1f} µs ({statistics.median(ratios):.2f})")
        print(f"| {size} | " + " | ".join(cells) + " |")


def routes():
    print("| routes | start | memory | each asked for once: memory | scrape | its lines |\n|---|---|---|---|---|---|")
    for count in (10, 10_000):
        with tempfile.TemporaryDirectory(prefix="vordr-bench-") as folder:
            rules, port, admin = Path(folder) / "vordr.kdl", free_port(), free_port()
            locations = "".join(f'location "/route-{number}" {{ respond 204; }}\n' for number in range(count))
            rules.write_text(
                f'vordr {{ workers 1; admin "127.0.0.1:{admin}"; access-log off\n limits {{ keepalive "75s" requests=off; }} }}\n'
                f'server "*" {{ listen "127.0.0.1:{port}"\n{locations} }}\n'
            )
            before = time.monotonic()
            server = Process("vordr", port, VORDR, "run", rules)
            try:
                start, idle = time.monotonic() - before, server.resident()
                connection = http.client.HTTPConnection("127.0.0.1", port)
                for number in range(count):
                    connection.request("GET", f"/route-{number}")
                    assert connection.getresponse().read() == b""
                before = time.monotonic()
                with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics") as answer:
                    page = answer.read()
                scrape, asked = time.monotonic() - before, server.resident()
            finally:
                server.stop()
        print(f"| {count} | {start:.2f} s | {idle >> 20} MiB | {asked >> 20} MiB | {scrape * 1000:.0f} ms | {page.count(10)} |")


HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
ACCEPT = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
MESSAGE = b"\x81\x85\x00\x00\x00\x00hello"


async def echo(reader, writer):
    # The servers are stopped with their streams open.
    with contextlib.suppress(asyncio.CancelledError, asyncio.IncompleteReadError, ConnectionError):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ACCEPT)
        while part := await reader.read(4096):
            writer.write(part)
    writer.close()


async def streams(server):
    """Opens streams, waits, sends a message on each: (answered, bytes of memory per idle stream)."""
    before = server.resident()
    opened = []
    for _ in range(STREAMS):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HANDSHAKE)
        opened.append((reader, writer))
    for reader, _ in opened:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
        assert b" 101 " in head, head
    await asyncio.sleep(2)
    idle = server.resident()
    for _, writer in opened:
        writer.write(MESSAGE)
    answers = await asyncio.gather(
        *(asyncio.wait_for(reader.readexactly(len(MESSAGE)), 60) for reader, _ in opened), return_exceptions=True
    )
    for _, writer in opened:
        writer.close()
    return sum(answer == MESSAGE for answer in answers), (idle - before) / STREAMS


async def websockets():
    with tempfile.TemporaryDirectory(prefix="vordr-bench-") as folder:
        folder, port = Path(folder), free_port()
        origin = await asyncio.start_server(echo, "127.0.0.1", port, backlog=4096)
        servers, lost = [], 0
        print(f"{STREAMS} idle WebSockets, then a message on each\n\n| | answered | memory per idle stream |\n|---|---|---|")
        try:
            for server in start_all(folder, port):
                servers.append(server)
                answered, memory = await streams(server)
                print(f"| {server.name} | {answered} | {memory / 1024:.0f} KiB |")
                lost += STREAMS - answered if server.name == "vordr" else 0
        finally:
            for server in servers:
                server.stop()
            origin.close()
        if lost:
            raise SystemExit(f"vordr lost {lost} messages")


if __name__ == "__main__":
    import resource
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    if sys.argv[1:] == ["websockets"]:
        asyncio.run(websockets())
    elif sys.argv[1:] in (["handshakes"], ["certificates"]):
        import tls
        getattr(tls, sys.argv[1])()
    elif sys.argv[1:] == ["hostile"]:
        import hostile
        hostile.hostile()
    elif sys.argv[1:] == ["start"]:
        import start
        start.start(VORDR, free_port)
    elif sys.argv[1:] in (["observing"], ["routes"]):
        globals()[sys.argv[1]]()
    else:
        requests()
