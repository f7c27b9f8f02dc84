"""Chainlit at the root of a container app: the third of the deployments that vordr is made for, with the real app."""

import http.client
import http.server
import json
import sys
import threading
import time

import pytest
from conftest import HERE, PUBLIC_HOST
from running import ROOT, Running, fetch, free_port


class Api(http.server.BaseHTTPRequestHandler):
    """The API beside the chat."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "7")
        self.end_headers()
        self.wfile.write(b"the API")

    def log_message(self, *_):
        pass


class Deployment:
    """vordr with the very file that the documentation gives, the API, and a Chainlit that a test starts."""

    def __init__(self, folder):
        self.folder, self.port, self.admin, self.app = folder, free_port(), free_port(), free_port()
        self.gate, self.chainlit = folder / "gate", None
        self.api = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
        threading.Thread(target=self.api.serve_forever, daemon=True).start()
        self.vordr = Running(
            [ROOT / "target/debug/vordr", "run", "rules/examples/chainlit.kdl"], folder / "chat-vordr.log",
            PORT=str(self.port), ADMIN=f"127.0.0.1:{self.admin}", METRICS="127.0.0.1:0",
            CHAINLIT_URL=f"http://127.0.0.1:{self.app}", API_URL=f"http://127.0.0.1:{self.api.server_port}",
        )
        self.vordr.answers(f"http://127.0.0.1:{self.admin}/health")
        self.url = f"http://{PUBLIC_HOST}:{self.port}"

    def start_chainlit(self):
        self.chainlit = Running(
            [sys.executable, "-m", "chainlit", "run", HERE / "chat.py", "--headless", "--host", "127.0.0.1",
             "--port", self.app],
            self.folder / "chainlit.log", CHAINLIT_APP_ROOT=str(self.folder), CHAT_GATE=str(self.gate),
        )
        self.chainlit.answers(f"http://127.0.0.1:{self.app}/")

    def ask(self, path, port=None):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=30)
        connection.request("GET", path, headers={"Host": PUBLIC_HOST})
        response = connection.getresponse()
        return response.status, response.headers, response.read()

    def has_websockets(self, number):
        """Those of pages that went away are gone within seconds."""
        end = time.monotonic() + 20
        while (active := json.loads(fetch(f"http://127.0.0.1:{self.admin}/status"))["websockets"]["active"]) != number:
            assert time.monotonic() < end, f"{active} WebSockets are open, and not {number}"
            time.sleep(0.1)

    def stop(self):
        self.vordr.stop()
        if self.chainlit:
            self.chainlit.stop()
        self.api.shutdown()


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    deployment = Deployment(tmp_path_factory.mktemp("chainlit"))
    yield deployment
    deployment.stop()


@pytest.fixture(scope="module")
def chat(deployment):
    if not deployment.chainlit:
        deployment.start_chainlit()
    return deployment


def opened(browser, url):
    """A page of the chat that may be written in."""
    page = browser.new_page()
    page.goto(url)
    page.locator("#chat-input").wait_for(timeout=60_000)
    return page


def say(page, words):
    page.locator("#chat-input").click()
    page.keyboard.type(words)
    page.locator("#chat-submit").click()


def test_before_chainlit_is_there_the_root_is_the_api_and_a_page_says_so(deployment, browser):
    assert deployment.chainlit is None, "this test comes first"
    assert deployment.ask("/")[2] == b"the API"
    page = browser.new_page()
    page.goto(f"{deployment.url}/project/settings")
    assert page.url == f"{deployment.url}/chat/error"
    assert "starting" in page.locator("body").inner_text()
    page.close()


def test_a_page_that_came_too_early_is_the_chat_once_chainlit_listens(deployment, browser):
    page = browser.new_page()
    page.goto(deployment.url)
    assert page.locator("body").inner_text() == "the API"
    deployment.start_chainlit()
    page.reload()
    page.locator("#chat-input").wait_for(timeout=60_000)
    page.close()


def test_the_chat_is_at_the_root_and_its_words_come_as_they_are_said(chat, browser):
    page = opened(browser, f"{chat.url}/chat")
    assert page.url == f"{chat.url}/"
    say(page, "one two three")
    page.get_by_text("heard one", exact=True).wait_for(timeout=30_000)
    chat.gate.touch()
    page.get_by_text("heard one two three").wait_for(timeout=30_000)
    page.close()


def test_what_chainlit_sends_keeps_its_type(chat):
    for path in ("/", "/project/settings?language=en-US", "/project/translations?language=en-US", "/favicon",
                 "/logo?theme=light", "/avatars/Assistant"):
        status, headers, body = chat.ask(path)
        of_its_own, its_headers, its_body = chat.ask(path, chat.app)
        assert (status, headers["Content-Type"], body) == (of_its_own, its_headers["Content-Type"], its_body), path
        assert status == 200, path


def test_a_second_browser_and_ten_quick_reconnects_disturb_nobody(chat, browser):
    chat.gate.touch()
    first = opened(browser, chat.url)
    streams = []
    say(first, "stay here")
    first.get_by_text("heard stay here").wait_for(timeout=30_000)
    first.on("websocket", lambda stream: streams.append(stream))
    second = opened(browser, chat.url)
    for _ in range(10):
        with second.expect_websocket(timeout=60_000):
            second.goto(chat.url)
    second.locator("#chat-input").wait_for(timeout=60_000)
    for page, words in ((first, "still here"), (second, "here too")):
        say(page, words)
        page.get_by_text(f"heard {words}").wait_for(timeout=30_000)
    assert first.get_by_text("heard stay here").is_visible()
    assert streams == [], "the first one had to connect again"
    chat.has_websockets(2)
    first.close()
    second.close()
