"""A WebSocket held open from inside the engine's network: says `open` after an echo, and `ended` when it is cut."""

import socket
import sys

MASK = b"\x01\x02\x03\x04"


def main(port: int):
    with socket.create_connection(("127.0.0.1", port), 10) as stream:
        stream.sendall(
            b"GET /stream HTTP/1.1\r\nHost: app.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        reader = stream.makefile("rb")
        status = reader.readline()
        assert b" 101 " in status, status
        while reader.readline().strip():
            pass
        hello = bytes(byte ^ MASK[i % 4] for i, byte in enumerate(b"hello"))
        stream.sendall(bytes([0x81, 0x80 | len(hello)]) + MASK + hello)
        echoed = reader.read(7)
        assert echoed == b"\x81\x05hello", echoed
        print("open", flush=True)
        stream.settimeout(60)
        try:
            reader.read()
        except ConnectionResetError:
            pass
        print("ended", flush=True)


main(int(sys.argv[1]))
