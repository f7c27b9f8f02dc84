"""The app of the tests: says who it is, and sends back what comes over a WebSocket."""

import base64
import hashlib
import socketserver

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class App(socketserver.StreamRequestHandler):
    def handle(self):
        while request := self.rfile.readline():
            headers = dict(self.headers())
            if "upgrade" in headers:
                return self.websocket(headers)
            body = b"the app: " + request.split()[1]
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    def headers(self):
        while line := self.rfile.readline().strip():
            name, value = line.decode().split(":", 1)
            yield name.lower(), value.strip()

    def websocket(self, headers):
        accept = base64.b64encode(hashlib.sha1(headers["sec-websocket-key"].encode() + MAGIC).digest())
        self.wfile.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %s\r\n\r\n" % accept
        )
        # Short masked text frames come in, unmasked ones go out.
        while len(head := self.rfile.read(2)) == 2:
            mask = self.rfile.read(4)
            text = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self.rfile.read(head[1] & 0x7F)))
            self.wfile.write(bytes([head[0], len(text)]) + text)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


Server(("", 8000), App).serve_forever()
