"""python-socketio on three servers behind a pool: sessions stay where they are while servers come and go."""

import asyncio
import os

import pytest
from engine import Polling, Streaming
from servers import Pool, became

SESSIONS = int(os.environ.get("SESSIONS", "1000"))


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
