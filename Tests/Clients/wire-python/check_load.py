"""Storms, after which the gateway's memory is near where it was; and the gateway's end."""

import asyncio
import os
import random
import socket
import ssl
import struct

from check_vectors import code_of
from wire import END_STREAM, MORE, REQUEST, SCHEMA, Client, Connection, Violation, chat, frame, hello, request

CHECKS, ENDINGS = [], []
# What an allocator keeps, and buffers that are reused.
SLACK_KILOBYTES = 24_000
# Storms of the size that a release is judged by take minutes with a debug build: WIRE_STORM=10.
SCALE = int(os.environ.get("WIRE_STORM", "1"))


def cut_request(stream, body):
    """A REQUEST in fragments of 30,000 bytes."""
    message = SCHEMA.encode("Request", body)
    whole = struct.pack(">I", len(message)) + message
    pieces = [whole[at:at + 30_000] for at in range(0, len(whole), 30_000)]
    return b"".join(frame(REQUEST, stream, piece, END_STREAM if piece is pieces[-1] else MORE) for piece in pieces)


def storm(name):
    """Runs twice; the second time may leave hardly more memory than the first."""
    name += ", then again"

    def register(function):
        async def run(gateway):
            await function(gateway)
            await gateway.provider_stats("exactly=active:0")
            first = gateway.resident_kilobytes
            await function(gateway)
            await gateway.provider_stats("exactly=active:0")
            async with asyncio.timeout(30):
                while gateway.resident_kilobytes > first + SLACK_KILOBYTES:
                    await asyncio.sleep(0.1)
            print(f"# {name}: {first // 1000} MB resident, then {gateway.resident_kilobytes // 1000}")
        CHECKS.append((name, run))
        return function
    return register


def ending(name, drain="20s"):
    def register(function):
        ENDINGS.append((name, function, drain))
        return function
    return register


@storm(f"{200 * SCALE} requests on one connection")
async def _(gateway):
    async with await Client.open(gateway) as client:
        async def ask_in_turn(count):
            for _ in range(count):
                answer = client.start(chat("bench:2"))
                await answer.wait()
                del client.streams[answer.number]
                if answer.end is None:
                    raise Violation(f"{answer.error}")
        await asyncio.gather(*(ask_in_turn(10 * SCALE) for _ in range(20)))


@storm("400 cancelled streams")
async def _(gateway):
    source = random.Random(4)
    async with await Client.open(gateway) as client:
        for _ in range(40):
            answers = [client.start(chat("say:100+slow-1ms")) for _ in range(10)]
            await asyncio.sleep(source.choice((0, 0, 0.005, 0.02)))
            for answer in answers:
                client.cancel(answer)
        assert (await client.ask(chat("echo", "alive"))).text == "alive", client.error


@storm(f"{2 * SCALE} prompts of 1 MB at once")
async def _(gateway):
    text = "".join(random.Random(5).choices("abcdefgh ", k=1_000_000)) + "x"
    async with await Client.open(gateway) as client:
        answers = await asyncio.gather(*(client.ask(chat("bench", text)) for _ in range(2 * SCALE)))
        assert all(answer.end for answer in answers), [answer.error for answer in answers]


@storm("50 connections that break off amid everything")
async def _(gateway):
    source = random.Random(6)
    for _ in range(50):
        connection = await Connection.open(gateway)
        conversation = hello(gateway.key) + b"".join(request(n, chat(source.choice(("echo", "say:300", "hang", "huge:1")))) for n in (1, 3, 5))
        connection.send(conversation[:source.randrange(len(conversation) + 40)])
        await asyncio.sleep(source.choice((0, 0.01)))
        connection.writer.transport.abort()


async def open_without_reading(gateway):
    """A connection whose client has room for next to nothing, and reads nothing."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", gateway.port))
    context = ssl.create_default_context(cafile=gateway.ca_file)
    context.set_alpn_protocols(["agentshield/1"])
    connection = Connection(*await asyncio.open_connection(sock=raw, ssl=context, server_hostname="localhost"))
    connection.writer.transport.pause_reading()
    return connection


@storm("5 clients that give credit without end and do not read")
async def _(gateway):
    endless = {"initial_stream_credit": 1 << 30, "initial_connection_credit": 1 << 30}
    text = "".join(random.Random(7).choices("abcdefgh", k=200_000))
    connections = [await open_without_reading(gateway) for _ in range(5)]
    for connection in connections:
        connection.send(hello(gateway.key, features=0, limits=endless), *(cut_request(n, chat("echo", text)) for n in (1, 3)))
    async with await Client.open(gateway) as client:
        assert (await client.ask(chat("echo", "me"))).text == "me"
    await asyncio.sleep(0.5)
    for connection in connections:
        connection.writer.transport.abort()


@ending("SIGTERM: GOAWAY, open streams go on, new ones are refused, and the process ends well")
async def _(gateway):
    async with await Client.open(gateway) as client, await Client.open(gateway) as idle:
        answer = client.start(chat("say:20+slow-50ms"))
        await answer.began.wait()
        assert (await idle.ask(chat("echo", "x"))).text == "x"
        gateway.terminate()
        await asyncio.wait_for(idle.closed.wait(), 5)
        assert idle.goaway and idle.goaway["reason"] == 1 and not idle.failure, (idle.goaway, idle.failure)
        while client.goaway is None:
            await answer.grew.wait()
            answer.grew.clear()
        assert client.goaway["last_stream"] == 1 and client.goaway["drain_deadline_ms"] <= 20_000, client.goaway
        late = await client.ask(chat("echo", "late"))
        assert late.error["code"] == code_of("draining") and late.error["retryable"], late.error
        await answer.wait()
        assert answer.end and len(answer.text.split()) == 20
        await asyncio.wait_for(client.closed.wait(), 5)
        assert client.failure is None and client.error is None
        assert await asyncio.wait_for(gateway.process.wait(), 5) == 0


@ending("SIGTERM: what is open at the deadline ends with an error", drain="1s")
async def _(gateway):
    async with await Client.open(gateway) as client:
        answers = [client.start(chat(model)) for model in ("hang", "hang-mid", "say:1000+slow-20ms")]
        await answers[2].began.wait()
        gateway.terminate()
        await asyncio.gather(*(answer.wait(5) for answer in answers))
        assert all(answer.error["code"] == code_of("draining") for answer in answers), [answer.error for answer in answers]
        await asyncio.wait_for(client.closed.wait(), 5)
        assert client.failure is None
        assert await asyncio.wait_for(gateway.process.wait(), 5) == 0
