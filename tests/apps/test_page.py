"""The page on the admin address, in a real browser, while there is load. Screenshots stay in .artefacts/."""

import contextlib
import re
import socket
import urllib.request

import pytest
from load import RULES, Load, app
from running import ROOT, Running, free_port, make_certificate

SHOTS = ROOT / ".artefacts/page"
TOKEN = "a-token-of-the-test-0123456789"
TLS_RULES = """
vordr {{ admin "127.0.0.1:{admin}"; access-log off; limits {{ header-size "1k"; header-timeout "1s"; }} }}
server "shop.test" {{
    listen {tls} tls=on
    tls {{ cert "{folder}/shop.test.pem"; key "{folder}/shop.test.key"; }}
    location "/shop" {{ respond 204; }}
}}
server "blog.test" {{
    listen {tls} tls=on
    tls {{ cert "{folder}/blog.test.pem"; key "{folder}/blog.test.key"; }}
    location "/" {{ respond 204; }}
}}
server "plain.test" {{ listen {plain}; location "/" {{ respond 204; }} }}
"""


@pytest.fixture(scope="module")
def served(folder):
    upstream, port, admin = app(), free_port(), free_port()
    rules = folder / "vordr.kdl"
    rules.write_text(RULES.format(admin=admin, port=port, app=upstream.server_address[1]))
    running = Running([ROOT / "target/debug/vordr", "run", rules], folder / "page.log")
    running.port, running.rules, running.admin = port, rules, f"http://127.0.0.1:{admin}"
    try:
        running.answers(f"{running.admin}/health")
        yield running
    finally:
        running.stop()
        upstream.shutdown()


@pytest.fixture(scope="module")
def load(served):
    load = Load(served.port)
    yield load
    load.stop()


@pytest.fixture
def page(browser, served, load):
    """The page once it is live. Whatever the browser complains of fails the test."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    complaints = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith((served.admin, "data:")) else complaints.append(request.url))
    page.goto(f"{served.admin}/")
    page.locator("#rate-spark svg").wait_for(timeout=20_000)
    yield page
    page.close()
    assert complaints == []


def keep(page, name):
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


def test_numbers_live_as_requests_come(page):
    row = page.locator("#routes tbody tr", has_text="/hello")
    page.wait_for_function("Number(document.querySelector('#rate').textContent) > 1", timeout=20_000)
    seen = {page.locator("#totals").inner_text()}
    for _ in range(3):
        page.wait_for_timeout(1_200)
        seen.add(page.locator("#totals").inner_text())
    assert len(seen) >= 3, "the counts stood still"
    assert float(row.locator(".rate").inner_text()) > 1
    assert re.fullmatch(r"[\d.]+ ms", row.locator(".p95").inner_text())
    assert page.locator("#websockets").inner_text() == "3"
    assert page.locator("#event-streams").inner_text() == "1"


def test_what_fails_is_told_in_words(page):
    page.wait_for_timeout(4_000)
    assert "nightly" in page.locator("#routes tbody tr", has_text="/report").locator(".error").inner_text()
    broken = page.locator("#upstreams > li", has_text="nightly")
    assert "0 of 1 up" in broken.inner_text() and "refused" in broken.inner_text()
    assert "degraded" in page.locator("#state").inner_text()
    keep(page, "light")


def test_the_box_explains_a_url_by_keyboard_alone(page, served):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the routes"
    for _ in range(12):
        if page.evaluate("document.activeElement.id") == "url":
            break
        page.keyboard.press("Tab")
    page.keyboard.type(f"shop.test:{served.port}/hello/you")
    page.keyboard.press("Enter")
    answer = page.locator("#explanation")
    answer.get_by_text("200, 5 bytes").wait_for(timeout=10_000)
    assert "a longer prefix wins over it" in answer.inner_text()
    page.locator("#url").fill(f"http://shop.test:{served.port + 1}/")
    page.keyboard.press("Enter")
    answer.get_by_text("nothing listens on port").wait_for(timeout=10_000)
    page.locator("#url").fill(f"http://shop.test:{served.port}/report")
    page.keyboard.press("Enter")
    answer.get_by_text("out: refused").wait_for(timeout=10_000)
    page.locator("#rules-details summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("#rules li").count() > 20
    keep(page, "explained")


def test_everything_has_a_name_for_a_screen_reader(page):
    page.locator("#rules-details summary").click()
    nameless = page.evaluate("""() => [...document.querySelectorAll('input, select, button, svg, section')]
        .filter((node) => node.checkVisibility())
        .filter((node) => !(node.labels?.length || node.textContent.trim() && node.matches('button')
            || node.getAttribute('aria-label') || node.getAttribute('aria-labelledby')))
        .map((node) => node.outerHTML.slice(0, 80))""")
    assert nameless == []
    assert page.locator("h1").count() == 1
    assert page.locator("#routes th[scope=row]").count() == 4
    assert page.get_by_role("status").first.inner_text() != ""


def contrast(page):
    """The weakest contrast of a text with its ground, by WCAG 2's formula."""
    return page.evaluate("""() => {
        const channel = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
        const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
        const parse = (text) => text.match(/[\\d.]+/g).map(Number);
        const ground = (node) => {
            for (; node; node = node.parentElement) {
                const colour = parse(getComputedStyle(node).backgroundColor);
                if (colour[3] !== 0) return colour;
            }
            return [255, 255, 255];
        };
        return Math.min(...[...document.querySelectorAll('body *')]
            .filter((node) => node.checkVisibility() && [...node.childNodes].some((c) => c.nodeType === 3 && c.data.trim()))
            .map((node) => [light(parse(getComputedStyle(node).color)), light(ground(node))].sort((a, b) => b - a))
            .map(([a, b]) => (a + 0.05) / (b + 0.05)));
    }""")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_browsers_colours_and_stays_readable(page, scheme):
    page.emulate_media(color_scheme=scheme)
    page.wait_for_timeout(2_500)
    brightness = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]")
    assert (brightness > 128) == (scheme == "light")
    assert contrast(page) >= 4.5
    keep(page, f"colours-{scheme}")


def test_it_fits_a_telephone(page):
    page.set_viewport_size({"width": 390, "height": 800})
    page.wait_for_timeout(1_200)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    keep(page, "telephone")


def test_a_refused_reload_is_shown_with_its_diagnostics(page, served):
    good = served.rules.read_text()
    served.rules.write_text(good.replace("location \"/hello\"", "locaton \"/hello\""))
    try:
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(urllib.request.Request(f"{served.admin}/reload", method="POST"))
        page.locator("#problem", has_text="locaton").wait_for(timeout=10_000)
        keep(page, "refused")
    finally:
        served.rules.write_text(good)
    urllib.request.urlopen(urllib.request.Request(f"{served.admin}/reload", method="POST"))
    page.locator("#trouble").wait_for(state="hidden", timeout=10_000)
    page.locator("#rules-when", has_text="generation 2").wait_for(timeout=10_000)


def send(port, what):
    """Sends bytes, and reads until vordr closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(what)
        with contextlib.suppress(ConnectionResetError):
            while client.recv(4096):
                pass


def test_certificates_and_whoever_was_turned_away_are_told(browser, folder):
    tls, plain, admin = free_port(), free_port(), free_port()
    make_certificate(folder, "shop.test", days=1)
    make_certificate(folder, "blog.test", days=60)
    rules = folder / "tls.kdl"
    rules.write_text(TLS_RULES.format(admin=admin, tls=tls, plain=plain, folder=folder))
    running = Running([ROOT / "target/debug/vordr", "run", rules], folder / "tls.log")
    try:
        running.answers(f"http://127.0.0.1:{admin}/health")
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"http://127.0.0.1:{admin}/")
        card = lambda host: page.locator("#certificates > li", has_text=host)
        card("blog.test").get_by_text("59 days left").wait_for(timeout=20_000)
        assert "0 days left" in card("shop.test").inner_text()
        assert "bad" in card("shop.test").locator(".badge").get_attribute("class")
        assert "well" in card("blog.test").locator(".badge").get_attribute("class")
        assert not page.locator("#refusals-section").is_visible()
        for noise in (b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"x" * 2000, b"GET / HT"):
            send(plain, noise)
        send(tls, b"\x01\x02\x03\x04")
        send(tls, b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        row = lambda reason: page.locator("#refusals tbody tr", has_text=reason)
        for reason, words in (
            ("header_size", "answered 431"), ("header_timeout", "answered 408"), ("not_tls", "no TLS handshake"),
            ("bad_request", "answered 400"), ("plain_http", "answered 400"),
        ):
            row(reason).get_by_text(words).wait_for(timeout=20_000)
            assert "from 127.0.0.1" in row(reason).inner_text()
        assert row("bad_request").locator(".times").inner_text() == "1"
        assert "TLS" in row("plain_http").locator(".told").inner_text()
        assert contrast(page) >= 4.5
        keep(page, "tls")
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.close()
    finally:
        running.stop()


def test_with_a_token_the_page_asks_for_it_and_takes_it_once_from_its_address(browser, folder):
    port, admin = free_port(), free_port()
    rules = folder / "token.kdl"
    rules.write_text(f'vordr {{ admin "0.0.0.0:{admin}" token="{TOKEN}"; access-log off; }}\n'
                     f'server "a.test" {{ listen {port}; location "/" {{ respond 204; }} }}\n')
    running = Running([ROOT / "target/debug/vordr", "run", rules], folder / "token.log")
    try:
        running.answers(f"http://127.0.0.1:{admin}/health")
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{admin}/")
        page.get_by_label("This address asks for its token").fill("wrong")
        page.keyboard.press("Enter")
        page.locator("#state", has_text="this is not the token").wait_for(timeout=10_000)
        keep(page, "token")
        page.get_by_label("This address asks for its token").fill(TOKEN)
        page.keyboard.press("Enter")
        page.locator("#state", has_text="healthy").wait_for(timeout=10_000)
        page.goto(f"http://127.0.0.1:{admin}/?token={TOKEN}")
        page.locator("#state", has_text="healthy").wait_for(timeout=10_000)
        assert TOKEN not in page.url
        page.close()
    finally:
        running.stop()
