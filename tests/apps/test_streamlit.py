"""Streamlit behind a tunnel: the first of the deployments that vordr is made for, with the real app."""

import http.client
import json
import re
import time
import urllib.request

from conftest import PUBLIC_HOST
from running import ROOT, Running, free_port

PINGED = """
vordr {{ admin "127.0.0.1:{admin}"; }}
server "{host}" {{
    listen {port}
    websocket ping="1s"
    location "/" {{ proxy "http://127.0.0.1:{app}"; }}
}}
"""


def ask(vordr, method, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", vordr.port, timeout=30)
    connection.request(method, path, headers={"Host": f"{PUBLIC_HOST}:{vordr.port}", **headers})
    response = connection.getresponse()
    return response.status, response.read()


def ask_the_app(port, method, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path)
    return connection.getresponse().status


def test_health_goes_through_the_tunnel(vordr, tunnel):
    assert ask(vordr, "GET", "/_stcore/health") == (200, b"ok")
    assert tunnel.refused == []


def test_a_request_without_upgrade_gets_what_streamlit_gives(vordr, streamlit):
    status, _ = ask(vordr, "HEAD", "/_stcore/stream")
    assert status == ask_the_app(streamlit, "HEAD", "/_stcore/stream")


def test_the_page_works_in_a_browser_and_outlives_a_silence(vordr, tunnel, browser):
    page = browser.new_page()
    streams = []
    page.on("websocket", lambda stream: streams.append(stream))
    page.goto(f"http://{PUBLIC_HOST}:{vordr.port}/")
    page.get_by_text("clicked 0 times").wait_for(timeout=60_000)

    page.get_by_role("button", name="Count").click()
    page.get_by_text("clicked 1 times").wait_for(timeout=30_000)
    opened = len(streams)
    assert opened >= 1 and "/_stcore/stream" in streams[0].url

    time.sleep(75)

    assert not streams[-1].is_closed()
    page.get_by_role("button", name="Count").click()
    page.get_by_text("clicked 2 times").wait_for(timeout=30_000)
    assert len(streams) == opened, "the stream was opened again"
    assert tunnel.refused == []

    status = json.load(urllib.request.urlopen(f"http://127.0.0.1:{vordr.admin}/status"))
    assert status["websockets"]["active"] == 1
    page.close()


def pongs(admin):
    metrics = urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics").read().decode()
    found = re.search(r'^vordr_websocket_frames_total\{direction="in",opcode="pong",.*\} (\d+)', metrics, re.MULTILINE)
    return int(found[1]) if found else 0


def test_a_browser_answers_pings_and_the_app_leaves_its_pongs_aside(folder, streamlit, browser):
    port, admin = free_port(), free_port()
    rules = folder / "pinged.kdl"
    rules.write_text(PINGED.format(host=PUBLIC_HOST, port=port, admin=admin, app=streamlit))
    running = Running([ROOT / "target/debug/vordr", "run", rules], folder / "pinged.log")
    try:
        running.answers(f"http://127.0.0.1:{admin}/health")
        page = browser.new_page()
        streams = []
        page.on("websocket", lambda stream: streams.append(stream))
        page.goto(f"http://{PUBLIC_HOST}:{port}/")
        page.get_by_text("clicked 0 times").wait_for(timeout=60_000)
        deadline = time.monotonic() + 60
        while pongs(admin) < 5:
            assert time.monotonic() < deadline, "the browser answers no pings"
            time.sleep(0.5)
        page.get_by_role("button", name="Count").click()
        page.get_by_text("clicked 1 times").wait_for(timeout=30_000)
        assert len(streams) == 1 and not streams[0].is_closed()
        page.close()
    finally:
        running.stop()
