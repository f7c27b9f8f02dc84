"""A pool of three real servers under an even load, while they are restarted one after the other, and while one is frozen.

In its short form here; `make soak` says how long, at what rate, and with which vordr.
"""

import asyncio
import math
import os
import signal
import time
from dataclasses import dataclass, field

import pytest
from engine import Refused, request
from servers import Pool, became

RATE = int(os.environ.get("SOAK_RATE", "100"))  # requests a second
SECONDS = int(os.environ.get("SOAK_SECONDS", "12"))
TIMEOUT = 2.0  # `timeouts read` of the rules


@pytest.fixture
def pool(tmp_path):
    pool = Pool(tmp_path)
    yield pool
    pool.stop()


@dataclass
class Load:
    """Asks at an even rate; what failed, and what was slow."""

    pool: Pool
    asked: int = 0
    failures: list = field(default_factory=list)
    slow: list = field(default_factory=list)  # when each was asked
    longest: float = 0.0

    async def ask(self):
        began = time.monotonic()
        try:
            status, _, body = await request(self.pool.port, "GET", "/")
            if status != 200:
                self.failures.append((status, body))
        except (OSError, Refused, TimeoutError) as error:
            self.failures.append(repr(error))
        took = time.monotonic() - began
        self.longest = max(self.longest, took)
        if took >= TIMEOUT:
            self.slow.append(began)

    async def during(self, change):
        """Asks until the change has come to its end, and for as long as SECONDS says."""
        changing, asking = asyncio.create_task(change), set()
        began = time.monotonic()
        while time.monotonic() < began + SECONDS or not changing.done():
            task = asyncio.create_task(self.ask())
            asking.add(task)
            task.add_done_callback(asking.discard)
            self.asked += 1
            # By the clock, so that a late one does not lower the rate.
            await asyncio.sleep(max(0, began + self.asked / RATE - time.monotonic()))
        outcome = await changing
        await asyncio.gather(*asking)
        print(f"{self.asked} requests in {time.monotonic() - began:.0f} s, {len(self.failures)} failed, "
              f"{len(self.slow)} took {TIMEOUT} s or more, the longest {self.longest:.2f} s")
        return outcome


def test_a_rolling_restart_fails_no_request(pool):
    load = Load(pool)
    restarted = asyncio.run(load.during(restarts(pool)))
    print(f"{restarted} restarts")
    assert restarted >= 3 and load.failures == [], load.failures[:5]


async def restarts(pool):
    """One server after the other, again and again until the time is over, but each of them once."""
    end, restarted = time.monotonic() + SECONDS, 0
    while restarted < 3 or time.monotonic() < end:
        name = "abc"[restarted % 3]
        await asyncio.sleep(0.5)
        pool.apps[name].process.terminate()
        await asyncio.to_thread(pool.apps[name].process.wait, 15)
        pool.apps[name] = await asyncio.to_thread(pool.start, name)
        await became(pool, name, up=True)
        restarted += 1
    return restarted


def test_a_frozen_server_slows_what_is_on_it_and_fails_nothing(pool):
    load = Load(pool)
    frozen, out, on_it = asyncio.run(load.during(freezes(pool)))
    print(f"out after {out - frozen:.2f} s, with {on_it} requests on it")
    assert load.failures == [], load.failures[:5]
    # Not one that was asked once it was out; and no more than the third that is its share.
    assert all(began <= out for began in load.slow), [began - out for began in load.slow if began > out]
    assert len(load.slow) <= on_it, (len(load.slow), on_it)


async def freezes(pool):
    """A server stops in the midst of everything for half the time: when, when it was out, and how many were on it."""
    await asyncio.sleep(1)
    pool.apps["a"].process.send_signal(signal.SIGSTOP)
    frozen = time.monotonic()
    await became(pool, "a", up=False)
    out = time.monotonic()
    await asyncio.sleep(max(0, SECONDS / 2 - (out - frozen)))
    pool.apps["a"].process.send_signal(signal.SIGCONT)
    await became(pool, "a", up=True)
    # Asked of it from a moment before the stop until it was out; servers take turns, but not to the request.
    return frozen, out, math.ceil((out - frozen + 1) * RATE / 3) + 3
