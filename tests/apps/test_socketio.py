"""python-socketio on three servers behind a pool: sessions stay where they are while servers come and go."""

import asyncio
import os
import signal
import sys
import time

import pytest
from conftest import HERE, ROOT, Running, free_port, wait_for
from engine import Polling, Refused, Streaming, request

SESSIONS = int(os.environ.get("SESSIONS", "1000"))
RULES = """
vordr {{ admin "127.0.0.1:{admin}"; access-log off; }}
upstream app {{
{servers}
    sticky cookie=vordr_sid
    health "/health" every="500ms" timeout="2s" fall=2 rise=2
    passive fails=2 within="10s" for="5s"
    retry 2 on="connect reused timeout 502"
}}
server "*" {{
    listen "127.0.0.1:{port}"
    location "/socket.io" {{ proxy app; }}
    location "/" {{
        timeouts read="2s"
        proxy app
    }}
}}
"""


class Pool:
    """Three apps and the vordr in front of them."""

    def __init__(self, folder):
        self.folder, self.port, self.admin = folder, free_port(), free_port()
        self.ports = {name: free_port() for name in "abc"}
        self.apps = {name: self.start(name) for name in self.ports}
        rules = folder / "pool.kdl"
        servers = "\n".join(f'    server "127.0.0.1:{port}"' for port in self.ports.values())
        rules.write_text(RULES.format(admin=self.admin, port=self.port, servers=servers))
        self.vordr = Running([ROOT / "target/debug/vordr", "run", rules], folder / "pool.log")
        wait_for(f"http://127.0.0.1:{self.admin}/health", self.vordr.process)

    def start(self, name):
        app = Running(
            [sys.executable, "-m", "uvicorn", "sessions:app", "--app-dir", HERE, "--port", self.ports[name],
             "--log-level", "warning", "--timeout-graceful-shutdown", "2"],
            self.folder / f"app-{name}.log", NAME=name,
        )
        wait_for(f"http://127.0.0.1:{self.ports[name]}/health", app.process)
        return app

    def stop(self):
        for running in [self.vordr, *self.apps.values()]:
            if running.process.poll() is None:
                running.process.send_signal(signal.SIGCONT)
            running.stop()


@pytest.fixture
def pool(tmp_path):
    pool = Pool(tmp_path)
    yield pool
    pool.stop()


async def in_parts(sessions, what, size=50):
    """Does something with all sessions, so many at once."""
    results = []
    for start in range(0, len(sessions), size):
        part = (what(session) for session in sessions[start:start + size])
        results += await asyncio.gather(*part, return_exceptions=True)
    return results


async def became(pool, name, up):
    """Waits until vordr knows that a server is out, or back."""
    series = f'vordr_upstream_up{{peer="127.0.0.1:{pool.ports[name]}",upstream="app"}} {int(up)}'
    end = time.monotonic() + 30
    while series not in (await request(pool.admin, "GET", "/metrics", host="localhost"))[2]:
        assert time.monotonic() < end, series
        await asyncio.sleep(0.1)


def test_no_session_on_a_living_server_is_lost_while_another_dies_and_comes_back(pool):
    asyncio.run(servers_come_and_go(pool))


async def servers_come_and_go(pool):
    sessions = [(Polling if number % 2 else Streaming)(pool.port) for number in range(SESSIONS)]
    opened = await in_parts(sessions, lambda session: session.open())
    assert opened == sessions, [one for one in opened if isinstance(one, Exception)][:3]
    homes = await in_parts(sessions, lambda session: session.whoami())
    assert set(homes) == {"a", "b", "c"}, set(map(str, homes))

    pool.apps["b"].process.kill()
    await stay(sessions, homes, {"a", "c"})
    await became(pool, "b", up=False)
    newcomers = [Polling(pool.port) for _ in range(20)]
    assert await in_parts(newcomers, lambda session: session.open()) == newcomers
    assert set(await in_parts(newcomers, lambda session: session.whoami())) == {"a", "c"}

    pool.apps["b"] = pool.start("b")
    await became(pool, "b", up=True)
    await stay(sessions, homes, {"a", "c"})
    newcomers = [Polling(pool.port) for _ in range(20)]
    assert await in_parts(newcomers, lambda session: session.open()) == newcomers
    assert "b" in await in_parts(newcomers, lambda session: session.whoami())


async def stay(sessions, homes, living):
    """Every session of a living server is still there, and nowhere else."""
    theirs = [(session, home) for session, home in zip(sessions, homes) if home in living]
    now = await in_parts([session for session, _ in theirs], lambda session: session.whoami())
    moved = [(home, found) for (_, home), found in zip(theirs, now) if home != found]
    assert moved == [], moved[:3]


def test_a_rolling_restart_fails_no_request(pool):
    assert asyncio.run(under_load(pool, restarts, seconds=20)) == []


def test_a_frozen_server_slows_no_more_than_what_is_on_it(pool):
    async def freeze(pool):
        await asyncio.sleep(2)
        pool.apps["a"].process.send_signal(signal.SIGSTOP)
        await became(pool, "a", up=False)
        began = time.monotonic()
        statuses = [(await request(pool.port, "GET", "/"))[0] for _ in range(50)]
        assert set(statuses) == {200} and time.monotonic() - began < 5
        pool.apps["a"].process.send_signal(signal.SIGCONT)
        await became(pool, "a", up=True)

    assert asyncio.run(under_load(pool, freeze, seconds=12)) == []


async def restarts(pool):
    for name in "abc":
        await asyncio.sleep(1)
        pool.apps[name].process.terminate()
        await asyncio.to_thread(pool.apps[name].process.wait, 15)
        pool.apps[name] = await asyncio.to_thread(pool.start, name)
        await became(pool, name, up=True)


async def under_load(pool, change, seconds, rate=100):
    """Asks at an even rate while something changes; what failed."""
    failures, asking = [], set()

    async def ask():
        try:
            status, _, body = await request(pool.port, "GET", "/")
            if status != 200:
                failures.append((status, body))
        except (OSError, Refused, TimeoutError) as error:
            failures.append(repr(error))

    changing = asyncio.create_task(change(pool))
    end = time.monotonic() + seconds
    while time.monotonic() < end or not changing.done():
        task = asyncio.create_task(ask())
        asking.add(task)
        task.add_done_callback(asking.discard)
        await asyncio.sleep(1 / rate)
    await changing
    await asyncio.gather(*asking)
    return failures[:5]
