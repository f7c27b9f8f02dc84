"""The parts of the tests: the real app, the tunnel in front of it, vordr, and a real browser."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright
from tunnel import Tunnel, make_certificates

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
PUBLIC_HOST = "app.test"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url: str, process: subprocess.Popen, seconds: float = 60):
    """Waits until a URL is answered at all."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, f"{process.args} ended with {process.returncode}"
        try:
            return urllib.request.urlopen(url, timeout=5).status
        except urllib.error.HTTPError as answered:
            return answered.code
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{url} was not answered within {seconds} s")


class Running:
    """A process with its output in a file, shown where a test fails and ended with it."""

    def __init__(self, arguments, log: Path, **environment):
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [str(word) for word in arguments],
                stdout=out, stderr=subprocess.STDOUT, cwd=ROOT, env={**os.environ, **environment},
            )

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        print(f"--- {self.log.name}\n{self.log.read_text(errors='replace')[-8000:]}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("apps")


@pytest.fixture(scope="module")
def streamlit(folder):
    port = free_port()
    running = Running(
        [sys.executable, "-m", "streamlit", "run", HERE / "counter.py", "--server.port", port,
         "--server.address", "127.0.0.1", "--server.headless", "true",
         "--server.fileWatcherType", "none", "--browser.gatherUsageStats", "false"],
        folder / "streamlit.log",
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health", running.process)
        yield port
    finally:
        running.stop()


@pytest.fixture(scope="module")
def tunnel(folder, streamlit):
    ca, certificate, key = make_certificates(folder)
    tunnel = Tunnel(certificate, key, streamlit)
    tunnel.ca = ca
    yield tunnel
    tunnel.close()


@pytest.fixture(scope="module")
def vordr(folder, tunnel):
    """vordr with the very file that the documentation gives for this deployment."""
    port, admin = free_port(), free_port()
    running = Running(
        [ROOT / "target/debug/vordr", "run", "rules/examples/streamlit-tunnel.kdl"],
        folder / "vordr.log",
        OCAPISTAINE_TARGET_URL=f"https://{tunnel.host}",
        PORT=str(port), ADMIN=f"127.0.0.1:{admin}", METRICS="127.0.0.1:0", SSL_CERT_FILE=str(tunnel.ca),
    )
    running.port, running.admin = port, admin
    running.url = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"http://127.0.0.1:{admin}/health", running.process)
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),  # the one that scripts/setup.sh looks for
            args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                  "--disable-background-networking", "--disable-component-update", "--disable-sync",
                  f"--host-resolver-rules=MAP {PUBLIC_HOST} 127.0.0.1"],
        )
        yield browser
        browser.close()
