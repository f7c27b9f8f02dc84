"""Everything that a vordr meets in bad weather, over and over."""

import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
import traceback
import urllib.error
import urllib.request

import websocket

HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
)
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate\r\n"


class Load:
    """Clients of one vordr, each in a thread of its own, until they are stopped."""

    def __init__(self, vordr):
        self.vordr = vordr
        self.problems: list[str] = []
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._over_and_over, args=[client], daemon=True)
            for client in (
                self.http, self.refused, self.failing, self.websockets, self.lingering, self.tls, self.reloads,
            )
        ]

    def start(self):
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._stopped.set()
        for thread in self._threads:
            thread.join(10)

    def _over_and_over(self, client):
        while not self._stopped.is_set():
            try:
                client()
            except Exception:  # Told by the test, which is where it matters.
                self.problems.append(f"{client.__name__}: {traceback.format_exc(limit=-2)}")
            self._stopped.wait(0.2)

    # What goes well, and what an application answers.

    def http(self):
        self.ask("GET", "/", 200)
        self.ask("POST", "/", 200, body=b"x" * 100)
        self.ask("GET", "/pair", 200)
        for status in (204, 302, 404, 500):
            self.ask("GET", f"/status/{status}", status)
        for origin in ("https://shop.test", "https://elsewhere.test"):
            self.ask("OPTIONS", "/api", 204, headers={"Origin": origin, "Access-Control-Request-Method": "GET"})
        connection = self.connection()
        for _ in range(3):
            # The upstream closes what it had kept alive: vordr asks again.
            connection.request("GET", "/fickle", headers={"Host": "a.test"})
            connection.getresponse().read()
        connection.close()

    # What vordr refuses.

    def refused(self):
        self.ask("GET", "/denied", 403)
        self.ask("POST", "/upload", 413, body=b"x" * 2000)
        self.ask("GET", "/nowhere", 404, host="b.test")
        self.raw(b"GET / HTTP/1.1\r\n\r\n")
        self.raw(b"GET / HT")

    # What fails behind it.

    def failing(self):
        self.ask("GET", "/gone", 502)
        self.ask("GET", "/lost", 503)
        self.ask("GET", "/slow", 504)
        with contextlib.suppress(http.client.IncompleteRead):
            self.ask("GET", "/broken", 200)

    # Streams, and their ends.

    def websockets(self):
        say = websocket.frame
        self.stream(
            say(websocket.TEXT, b"hello", masked=True), say(websocket.BINARY, b"\0\1", masked=True),
            say(websocket.PING, masked=True), say(websocket.TEXT, b"in two ", masked=True, final=False),
            say(websocket.CONTINUATION, b"parts", masked=True), websocket.close(1000, masked=True),
        )
        self.stream(
            say(websocket.TEXT, websocket.deflated(b"small" * 10), masked=True, compressed=True),
            websocket.close(1001, masked=True), more=DEFLATE,
        )
        for code in (1000, 1001, 1008, 1009, 1011):
            self.stream(say(websocket.TEXT, f"close {code}".encode(), masked=True), answer=code)
        self.stream(websocket.close(1002, masked=True))
        self.stream(say(websocket.TEXT, b"break off", masked=True))
        self.stream(cut=True)
        self.handshake("/ws/refused").close()
        self.handshake("/ws-off").close()

    def lingering(self):
        """A WebSocket that is silent until it is cut, and an event stream meanwhile."""
        with self.connected() as events, self.handshake("/ws-idle") as silent:
            events.sendall(b"GET /events HTTP/1.1\r\nHost: a.test\r\n\r\n")
            while silent.recv(1000):
                pass

    def stream(self, *frames: bytes, more="", answer: int | None = None, cut=False):
        """A WebSocket that says this, and waits for its end."""
        with self.handshake("/ws", more) as client:
            for frame in frames:
                client.sendall(frame)
            if cut:
                return
            file = client.makefile("rb")
            while message := websocket.read(file):
                if message[0] == websocket.CLOSE and answer is not None:
                    client.sendall(websocket.close(answer, masked=True))

    def handshake(self, path: str, more="") -> socket.socket:
        """A connection after the head of the answer."""
        client = self.connected()
        client.sendall(HANDSHAKE.format(path=path, more=more).encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = client.recv(1)
            assert byte, "closed within the head"
            head += byte
        return client

    # TLS, as it should be and not.

    def tls(self):
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", self.vordr.tls_port, timeout=10, context=trusting)
        connection.request("GET", "/", headers={"Host": "c.test"})
        assert connection.getresponse().status == 200
        connection.close()
        self.raw(b"GET / HTTP/1.1\r\nHost: c.test\r\n\r\n", self.vordr.tls_port)
        self.raw(b"\x16\x03\x01 nonsense", self.vordr.tls_port)

    # Rules, good and bad; the bad ones last.

    def reloads(self):
        good = self.vordr.rules.read_text()
        assert self.reload() == 200
        self.vordr.rules.write_text(good.replace("listen", "lisen"))
        assert self.reload() == 422
        self.vordr.rules.write_text(good)
        time.sleep(1)

    def reload(self) -> int:
        request = urllib.request.Request(f"http://127.0.0.1:{self.vordr.admin}/reload", method="POST")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status if json.load(answer)["generation"] else 0
        except urllib.error.HTTPError as refusal:
            return refusal.code

    # How all of it is sent.

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.vordr.port, timeout=10)

    def ask(self, method: str, path: str, status: int, body=None, headers=(), host="a.test"):
        connection = self.connection()
        try:
            connection.request(method, path, body, {"Host": host, **dict(headers)})
            answer = connection.getresponse()
            if answer.status != status:
                self.problems.append(f"{method} {path}: {answer.status} instead of {status}")
            answer.read()
        finally:
            connection.close()

    def connected(self, port: int | None = None) -> socket.socket:
        return socket.create_connection(("127.0.0.1", port or self.vordr.port), timeout=10)

    def raw(self, sent: bytes, port: int | None = None):
        with self.connected(port) as client, contextlib.suppress(ConnectionError):
            client.sendall(sent)
            while client.recv(1000):
                pass
