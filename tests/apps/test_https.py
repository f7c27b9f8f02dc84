"""Streamlit over https, with a certificate from ACME that is renewed while the page is open."""

import shutil
import ssl
import time

import pytest
from conftest import PUBLIC_HOST
from issuer import Issuer
from playwright.sync_api import sync_playwright
from running import ROOT, Running

# Seconds. Renewed after two thirds of it.
LIFETIME = 60


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    issuer = Issuer(tmp_path_factory.mktemp("issuer"), LIFETIME)
    yield issuer
    issuer.stop()


@pytest.fixture(scope="module")
def vordr(folder, issuer, streamlit):
    rules = folder / "https.kdl"
    rules.write_text(f"""
        vordr {{
            state "{folder / "state"}"
            acme directory="{issuer.directory}" ca="{issuer.ca}"
        }}
        server "{PUBLIC_HOST}" {{
            listen {issuer.http} redirect=https
            listen {issuer.tls} tls=on
            tls {{ acme; }}
            location "/" {{ proxy "http://127.0.0.1:{streamlit}"; }}
        }}
    """)
    running = Running([ROOT / "target/debug/vordr", "run", rules], folder / "https.log")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser(issuer):
    """A browser that trusts the issuer, and whose errors about certificates are not ignored."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                  "--disable-background-networking", "--disable-component-update", "--disable-sync",
                  f"--host-resolver-rules=MAP {PUBLIC_HOST} 127.0.0.1"],
            env={"HOME": str(issuer.trusted_home())},
        )
        yield browser
        browser.close()


def wait_for_certificate(issuer, other_than=None, seconds=60) -> bytes:
    end = time.monotonic() + seconds
    while True:
        try:
            shown = issuer.shown(PUBLIC_HOST)
            if shown != other_than:
                return shown
        except (OSError, ssl.SSLError):
            assert other_than is None, "a bad certificate is shown in place of a good one"
        assert time.monotonic() < end, "no such certificate"
        time.sleep(0.2)


def test_the_page_outlives_a_renewal_of_the_certificate(issuer, vordr, browser):
    first = wait_for_certificate(issuer)
    page = browser.new_page()
    streams = []
    page.on("websocket", lambda stream: streams.append(stream))
    page.goto(f"https://{PUBLIC_HOST}:{issuer.tls}/")
    page.get_by_text("clicked 0 times").wait_for(timeout=60_000)
    assert page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol") == "h2"
    page.get_by_role("button", name="Count").click()
    page.get_by_text("clicked 1 times").wait_for(timeout=30_000)
    opened = len(streams)
    assert opened >= 1 and streams[0].url.startswith("wss://") and "/_stcore/stream" in streams[0].url

    renewed = wait_for_certificate(issuer, other_than=first, seconds=LIFETIME)

    assert not streams[-1].is_closed()
    page.get_by_role("button", name="Count").click()
    page.get_by_text("clicked 2 times").wait_for(timeout=30_000)
    assert len(streams) == opened, "the stream was opened again"
    # The first one runs out, which is nothing to whoever comes now.
    time.sleep(LIFETIME / 3)
    assert page.evaluate("fetch('/_stcore/health').then(answer => answer.status)") == 200
    second = browser.new_context().new_page()
    second.goto(f"https://{PUBLIC_HOST}:{issuer.tls}/")
    second.get_by_text("clicked 0 times").wait_for(timeout=60_000)
    page.get_by_role("button", name="Count").click()
    page.get_by_text("clicked 3 times").wait_for(timeout=30_000)
    assert len(streams) == opened and renewed != first
