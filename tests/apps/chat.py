"""A chat that says a first word, and the others once a file is there: so a test sees what comes when."""

import asyncio
import os
from pathlib import Path

import chainlit

GATE = Path(os.environ["CHAT_GATE"])


@chainlit.on_message
async def answer(question):
    first, *others = question.content.split()
    reply = chainlit.Message(content="")
    await reply.stream_token(f"heard {first}")
    while not GATE.exists():
        await asyncio.sleep(0.05)
    for word in others:
        await reply.stream_token(f" {word}")
    await reply.update()
