"""A Socket.IO app whose sessions are in its memory: each answers with the name that it was started with."""

import os

import socketio

server = socketio.AsyncServer(async_mode="asgi", ping_interval=300)
name = os.environ["NAME"]


@server.event
async def whoami(sid, data):
    return [name, data]


async def health(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": name.encode()})


app = socketio.ASGIApp(server, other_asgi_app=health)
