"""Load on a vordr of its own: answers, failures, a WebSocket and an event stream, and an upstream that is down."""

import http.client
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RULES = """
vordr {{
    admin "127.0.0.1:{admin}"
    access-log off
}}
upstream app {{
    server "127.0.0.1:{app}"
    server "127.0.0.1:1"
    passive fails=1 within="30s" for="60s"
    retry 1 on="connect"
}}
upstream nightly {{
    server "127.0.0.1:1"
    passive fails=1 within="30s" for="60s"
}}
server "shop.test" {{
    listen {port}
    location "/" {{ proxy app; }}
    location "/report" {{ proxy nightly; }}
    location "/hello" {{ respond 200 "hello"; }}
    location regex=#"^/v(\\d+)/"# {{ redirect "/"; }}
}}
"""


class Answers(BaseHTTPRequestHandler):
    """An app: some answers slow, some failing, one that never ends, and a stream that was upgraded."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/events":
            self.begin(200, {"Content-Type": "text/event-stream"})
            self.linger(b"data: tick\n\n")
        elif self.headers.get("Upgrade") == "websocket":
            accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # for the key that `websocket` sends, RFC 6455, section 1.3
            self.begin(101, {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Accept": accept})
            self.linger(b"\x81\x05hello")
        else:
            time.sleep(0.02)
            self.begin(500 if "fail" in self.path else 200, {"Content-Length": "5"})
            self.wfile.write(b"hello")

    def begin(self, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def linger(self, bytes_):
        self.close_connection = True
        try:
            while True:
                self.wfile.write(bytes_)
                time.sleep(0.5)
        except OSError:
            pass

    def log_message(self, *_):
        pass


class App(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def app() -> ThreadingHTTPServer:
    server = App(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Load:
    """Asks on until it is stopped."""

    PATHS = ["/", "/cart", "/hello", "/hello", "/hello", "/v1/x", "/fail", "/report"]

    def __init__(self, port: int):
        self.port, self.over, self.open = port, threading.Event(), []
        self.thread = threading.Thread(target=self.ask, daemon=True)
        self.thread.start()
        self.hold("/events", "")
        for _ in range(3):
            self.hold("/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")

    def ask(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        for number in range(10**9):
            if self.over.is_set():
                return
            connection.request("GET", self.PATHS[number % len(self.PATHS)], headers={"Host": "shop.test"})
            connection.getresponse().read()
            time.sleep(0.01)

    def hold(self, path, headers):
        stream = socket.create_connection(("127.0.0.1", self.port))
        stream.sendall(f"GET {path} HTTP/1.1\r\nHost: shop.test\r\n{headers}\r\n".encode())
        self.open.append(stream)

    def stop(self):
        self.over.set()
        self.thread.join(10)
        for stream in self.open:
            stream.close()
