"""Hostile clients, all at once, and what ordinary ones notice of them. Run by run.py.

500 send a head a line now and then, 500 ask for a megabyte and never read it, 500 connect and close as fast as they can.
They run when nobody else wants to, as if on machines of their own. What the machine alone makes of them is measured too:
the ordinary clients' server is left in peace then, and another one beside it is attacked.
"""

import asyncio
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

EACH, BEFORE, DURING, AFTER = 500, 10, 15, 10
KEPT, PAUSE = 8, 0.002
REQUEST = b"GET /small HTTP/1.1\r\nHost: bench\r\n\r\n"


def connected(port):
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def ask(connection):
    """One request, whose answer is read whole."""
    connection.sendall(REQUEST)
    answer = b""
    while b"\r\n\r\n" not in answer:
        part = connection.recv(65536)
        if not part:
            raise SystemExit("vordr closed a connection of an ordinary client")
        answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n", 1)[0]:
        raise SystemExit(f"an ordinary request was answered {head!r}")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(65536)


def ordinary(port, seconds):
    """Milliseconds that requests take: those on kept connections, and those on new ones, connecting included."""
    kept, fresh = [], []
    connections = [connected(port) for _ in range(KEPT)]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for connection in connections:
            begun = time.perf_counter()
            ask(connection)
            kept.append((time.perf_counter() - begun) * 1000)
            time.sleep(PAUSE)
        begun = time.perf_counter()
        with connected(port) as connection:
            ask(connection)
            fresh.append((time.perf_counter() - begun) * 1000)
    for connection in connections:
        connection.close()
    return kept, fresh


def p99(times):
    return statistics.quantiles(times, n=100)[98]


async def opened(port, number, room=None):
    """A connection without asyncio's buffers, from one of many addresses: each has ports enough of its own."""
    connection = socket.socket()
    connection.setblocking(False)
    if room:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    connection.bind((f"127.0.1.{1 + number % 200}", 0))
    await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
    return connection


async def drips(port, number):
    connection = await opened(port, number)
    with connection:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(connection, b"GET / HTTP/1.1\r\nHost: bench\r\n")
        while True:
            await asyncio.sleep(1 + number / EACH)
            await loop.sock_sendall(connection, b"X-Drip: drop\r\n")


async def never_reads(port, number):
    connection = await opened(port, number, room=4096)
    with connection:
        await asyncio.get_running_loop().sock_sendall(connection, b"GET /1m HTTP/1.1\r\nHost: bench\r\n\r\n")
        await asyncio.sleep(3600)


async def opens_and_closes(port, number):
    (await opened(port, number)).close()
    CLOSED[0] += 1


CLOSED = [0]


async def for_ever(client, port, number):
    while True:
        # Whoever is cut comes again.
        try:
            await client(port, number)
        except OSError:
            await asyncio.sleep(0.1)


async def attack(port, kinds, seconds):
    clients = [for_ever(globals()[kind], port, number) for kind in kinds for number in range(EACH)]
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.gather(*clients), seconds)
    print(CLOSED[0])


def only_when_idle():
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def attackers(port, seconds):
    for kinds in (["drips", "never_reads"], ["opens_and_closes"]):
        yield subprocess.Popen(
            [sys.executable, __file__, str(port), str(seconds), *kinds],
            stdout=subprocess.PIPE, text=True, preexec_fn=only_when_idle,
        )


def descriptors(server):
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in server.pids())


def wait_until_all_are_there(server, before):
    """Those that drip have a connection each, and those that never read one to the origin besides."""
    end = time.monotonic() + 20
    while descriptors(server) < before + 3 * EACH:
        if time.monotonic() > end:
            raise SystemExit("the machine is too busy to be hostile on")
        time.sleep(0.1)


def mebibytes(server):
    return server.resident() / 2**20, server.most_resident() / 2**20


def vordr(folder, upstream, port):
    from run import VORDR, Process
    rules = folder / "vordr.kdl"
    rules.write_text(f"""
        vordr {{
            access-log "{folder}/access.log" format=json
            limits {{ keepalive "75s" requests=off; }}
        }}
        server "*" {{
            listen "127.0.0.1:{port}"
            // Idle connections to the origin are gone when memory is looked at again.
            location "/" {{ proxy "http://127.0.0.1:{upstream}" {{ keepalive 128 idle="5s"; }}; }}
        }}
    """)
    return Process("vordr", port, VORDR, "run", rules)


def nginx(folder, upstream, port):
    from run import Process
    conf = folder / "nginx.conf"
    conf.write_text(f"""
        daemon off; worker_processes auto; pid {folder}/nginx.pid; error_log /dev/null;
        events {{ worker_connections 10000; }}
        http {{
            access_log {folder}/nginx.log; keepalive_requests 1000000000; keepalive_timeout 75s;
            upstream app {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_timeout 5s; }}
            server {{
                listen 127.0.0.1:{port} backlog=4096;
                location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; }}
            }}
        }}
    """)
    return Process("nginx", port, "nginx", "-c", conf, "-p", folder)


def attacked(start, beside=False):
    """What ordinary clients of a server notice, and its memory and descriptors: before, meanwhile, after. The attack is on
    that server, or on another one `beside` it."""
    from run import ORIGIN, Process, free_port
    with tempfile.TemporaryDirectory(prefix="vordr-bench-") as folder:
        upstream, port = free_port(), free_port()
        servers = [Process("origin", upstream, ORIGIN, f"127.0.0.1:{upstream}")]
        hostiles = []
        try:
            server = victim = start(Path(folder), upstream, port)
            servers.append(server)
            if beside:
                apart = Path(folder) / "beside"
                apart.mkdir()
                victim = start(apart, upstream, free_port())
                servers.append(victim)
            ordinary(port, 2)
            seen = [(ordinary(port, BEFORE), mebibytes(server), descriptors(server))]
            calm = descriptors(victim)
            begun = time.monotonic()
            hostiles = list(attackers(victim.port, DURING + 20))
            wait_until_all_are_there(victim, calm)
            under = ordinary(port, begun + DURING + 19 - time.monotonic())
            seen.append((under, mebibytes(server), descriptors(server)))
            closed = sum(int(process.communicate(timeout=60)[0]) for process in hostiles)
            time.sleep(AFTER)
            seen.append((ordinary(port, 5), mebibytes(server), descriptors(server)))
            return closed / (DURING + 20), seen
        finally:
            for process in hostiles:
                process.kill()
            for each in servers:
                each.stop()


def hostile():
    rounds = int(os.environ.get("BENCH_ROUNDS", "3"))
    kinds = ((vordr, False), (vordr, True), (nginx, False), (nginx, True))
    print(f"{EACH} drip heads, {EACH} never read, {EACH} open and close as fast as they can; {rounds} rounds, in turn\n")
    measured = [[] for _ in kinds]
    for _ in range(rounds):
        for (start, beside), so_far in zip(kinds, measured):
            so_far.append(attacked(start, beside))
    print("| | | before | meanwhile | after | times as much | in each round |\n|---|---|---|---|---|---|---|")
    for (start, beside), so_far in zip(kinds, measured):
        name = start.__name__ + ", another one attacked" * beside
        told(name, [figures(seen, beside) for _, seen in so_far])
        print(f"| {name} | opened and closed in a second | | {statistics.median(closed for closed, _ in so_far):.0f} | | | |")


class Figure(NamedTuple):
    """What is seen of one thing in a round."""
    before: float
    meanwhile: float
    after: float

    def times(self, row):
        """How much more it became: memory and descriptors are judged when all is over."""
        return (self.meanwhile if row.startswith("p99") else self.after) / self.before


def figures(seen, beside):
    """The rows of one round."""
    times, memory, files = zip(*seen)
    found = {}
    for kind, at in (("all requests", slice(2)), ("kept connections", slice(1)), ("new connections", slice(1, 2))):
        found[f"p99 in ms, {kind}"] = Figure(*(p99(sum(part[at], [])) for part in times))
    if not beside:
        resident, most = zip(*memory)
        found["memory in MiB"] = Figure(*resident)
        found["most memory so far in MiB"] = Figure(*most)
        found["descriptors"] = Figure(*files)
    return found


def told(name, rounds):
    """The rows of one kind: the middle one of its rounds, and how much more it became in each."""
    for row in rounds[0]:
        each = [found[row] for found in rounds]
        middle = [f"{statistics.median(column):.4g}" for column in zip(*each)]
        times = [figure.times(row) for figure in each]
        in_turn = ", ".join(f"{value:.2f}" for value in times)
        print("|", " | ".join([name, row, *middle, f"{statistics.median(times):.2f}", in_turn]), "|")


if __name__ == "__main__":
    import resource
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    asyncio.run(attack(int(sys.argv[1]), sys.argv[3:], float(sys.argv[2])))
