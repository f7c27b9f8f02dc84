"""A pool of three Socket.IO apps with a vordr in front of them."""

import asyncio
import os
import signal
import sys
import time

from conftest import HERE
from engine import request
from running import ROOT, Running, free_port

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
        vordr = ROOT / os.environ.get("SOAK_VORDR", "target/debug/vordr")
        self.vordr = Running([vordr, "run", rules], folder / "pool.log")
        self.vordr.answers(f"http://127.0.0.1:{self.admin}/health")

    def start(self, name):
        app = Running(
            [sys.executable, "-m", "uvicorn", "sessions:app", "--app-dir", HERE, "--port", self.ports[name],
             "--log-level", "warning", "--timeout-graceful-shutdown", "2"],
            self.folder / f"app-{name}.log", NAME=name,
        )
        app.answers(f"http://127.0.0.1:{self.ports[name]}/health")
        return app

    def stop(self):
        for running in [self.vordr, *self.apps.values()]:
            if running.process.poll() is None:
                running.process.send_signal(signal.SIGCONT)
            running.stop()


async def became(pool, name, up):
    """Waits until vordr knows that a server is out, or back."""
    series = f'vordr_upstream_up{{peer="127.0.0.1:{pool.ports[name]}",upstream="app"}} {int(up)}'
    end = time.monotonic() + 30
    while series not in (await request(pool.admin, "GET", "/metrics", host="localhost"))[2]:
        assert time.monotonic() < end, series
        await asyncio.sleep(0.1)
