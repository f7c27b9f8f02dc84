"""Just enough of WebSocket (RFC 6455) for both ends of a test: frames written as they are meant, and read."""

import base64
import hashlib
import os
import struct
import zlib

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accept(key: str) -> str:
    return base64.b64encode(hashlib.sha1(key.encode() + MAGIC).digest()).decode()


def frame(opcode: int, payload: bytes = b"", masked=False, final=True, compressed=False) -> bytes:
    """A short frame."""
    assert len(payload) < 126
    first = opcode | (0x80 if final else 0) | (0x40 if compressed else 0)
    if not masked:
        return bytes([first, len(payload)]) + payload
    mask = os.urandom(4)
    hidden = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return bytes([first, 0x80 | len(payload)]) + mask + hidden


def deflated(text: bytes) -> bytes:
    """As permessage-deflate sends it (RFC 7692): without its last four bytes."""
    deflate = zlib.compressobj(wbits=-15)
    return (deflate.compress(text) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]


def close(code: int, masked=False) -> bytes:
    return frame(CLOSE, struct.pack("!H", code), masked)


def read(file) -> tuple[int, bytes] | None:
    """The next frame's opcode and payload; `None` at the end."""
    head = file.read(2)
    if len(head) < 2:
        return None
    mask = file.read(4) if head[1] & 0x80 else bytes(4)
    payload = file.read(head[1] & 0x7F)
    return head[0] & 0x0F, bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
