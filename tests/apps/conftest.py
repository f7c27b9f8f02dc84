"""The parts of the tests: the real app, the tunnel in front of it, vordr, and a real browser."""

import shutil
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright
from running import ROOT, Running, free_port
from tunnel import Tunnel, make_certificates

HERE = Path(__file__).resolve().parent
PUBLIC_HOST = "app.test"


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
        running.answers(f"http://127.0.0.1:{port}/_stcore/health")
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
        running.answers(f"http://127.0.0.1:{admin}/health")
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
