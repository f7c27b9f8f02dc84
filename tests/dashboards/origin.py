"""A scripted upstream: what it does is in the path, or in a WebSocket's message."""

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import websocket


class Origin:
    """Listens on a free port."""

    def __init__(self):
        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Server(ThreadingHTTPServer):
    def handle_error(self, _request, _address):
        """vordr that goes away under an answer is what some of the tests are about."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.served = 0

    def do_GET(self):
        self.served += 1
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        word, _, rest = self.path.removeprefix("/").partition("/")
        if "websocket" in self.headers.get("Upgrade", ""):
            self.websocket(rest)
        elif word == "status":
            self.answer(int(rest), b"" if rest == "204" else b"as you like\n")
        elif word == "slow":
            time.sleep(2)
            self.answer(200, b"at last\n")
        elif word == "events":
            self.events()
        elif word == "broken":
            self.break_off(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        elif word == "fickle" and self.served > 1:
            # A connection that was kept alive, and then was not.
            self.break_off(b"")
        else:
            self.answer(200, b"hello\n")

    do_POST = do_PUT = do_DELETE = do_GET

    def answer(self, status: int, body: bytes):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def break_off(self, last_words: bytes):
        self.wfile.write(last_words)
        self.end()

    def end(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def events(self):
        self.close_connection = True
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        for _ in range(600):
            self.wfile.write(b"data: now\n\n")
            time.sleep(0.1)

    def websocket(self, way: str):
        if way == "refused":
            return self.answer(403, b"not you\n")
        offered = self.headers.get("Sec-WebSocket-Extensions", "")
        extension = "Sec-WebSocket-Extensions: permessage-deflate\r\n" if "deflate" in offered else ""
        self.wfile.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {websocket.accept(self.headers['Sec-WebSocket-Key'])}\r\n{extension}\r\n".encode()
        )
        self.converse(compressed=bool(extension))
        self.end()

    def converse(self, compressed: bool):
        """Says everything back, closes with the code that it is told, and breaks off when it is told to."""
        closing = False
        while message := websocket.read(self.rfile):
            opcode, payload = message
            if opcode == websocket.CLOSE:
                return None if closing else self.wfile.write(websocket.frame(opcode, payload))
            if opcode == websocket.TEXT and payload.startswith(b"close "):
                closing = True
                self.wfile.write(websocket.close(int(payload[6:])))
            elif opcode == websocket.TEXT and payload == b"break off":
                return None
            elif opcode == websocket.PING:
                self.wfile.write(websocket.frame(websocket.PONG, payload))
            elif opcode in (websocket.TEXT, websocket.BINARY):
                self.wfile.write(websocket.frame(opcode, payload, compressed=compressed))
        return None

    def log_message(self, *_):
        """What is asked is in vordr's metrics."""
