"""A client of Socket.IO's polling and WebSocket modes that shows every byte of what it was answered."""

import asyncio
import json

import websockets

PATH = "/socket.io/?EIO=4&transport="


class Refused(Exception):
    """An answer that is not what a session needs."""


async def request(port, method, path, body="", cookie="", host="app.test"):
    """One request on a connection of its own: (status, cookie, body)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        fields = f"Cookie: {cookie}\r\n" if cookie else ""
        writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{fields}"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        answer = (await asyncio.wait_for(reader.read(), 30)).decode()
    finally:
        writer.close()
    head, _, content = answer.partition("\r\n\r\n")
    lines = head.split("\r\n")
    if not lines[0]:
        raise Refused("nothing was answered")
    fields = [line.partition(": ") for line in lines[1:]]
    if any(field.lower() == "transfer-encoding" for field, _, _ in fields):
        content = "".join(content.split("\r\n")[1::2])
    set_cookie = next((value for field, _, value in fields if field.lower() == "set-cookie"), "")
    return int(lines[0].split()[1]), set_cookie.split(";")[0], content


class Polling:
    """A session by long polls, which needs the same server for each of them."""

    def __init__(self, port):
        self.port, self.cookie, self.sid = port, "", ""

    async def ask(self, method, body=""):
        path = PATH + "polling" + (f"&sid={self.sid}" if self.sid else "")
        status, cookie, content = await request(self.port, method, path, body, self.cookie)
        self.cookie = cookie or self.cookie
        if status != 200:
            raise Refused(f"{status}: {content}")
        return content

    async def open(self):
        self.sid = json.loads((await self.ask("GET"))[1:])["sid"]
        await self.ask("POST", "40")
        assert (await self.ask("GET")).startswith("40")
        return self

    async def whoami(self):
        await self.ask("POST", '420["whoami","x"]')
        return json.loads((await self.ask("GET")).removeprefix("430"))[0][0]


class Streaming:
    """A session over a WebSocket."""

    def __init__(self, port):
        self.port = port

    async def open(self):
        self.socket = await websockets.connect(
            f"ws://127.0.0.1:{self.port}{PATH}websocket", open_timeout=30, ping_interval=None
        )
        await self.socket.recv()
        await self.socket.send("40")
        assert (await self.socket.recv()).startswith("40")
        return self

    async def whoami(self):
        await self.socket.send('420["whoami","x"]')
        return json.loads((await asyncio.wait_for(self.socket.recv(), 30)).removeprefix("430"))[0][0]
