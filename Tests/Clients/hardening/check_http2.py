"""HTTP/2: floods, lists without end, and what breaks its rules."""

import struct

from door import (CALM, COMPRESSION_ERROR, CONTINUATION, DATA, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, GOAWAY, H2, HEADERS, PING, PRIORITY, PROTOCOL_ERROR,
                  PUSH, RST, SETTINGS, UPDATE, Checks, block, frame)
from hpack import Encoder

check = Checks()
CANCEL = struct.pack(">I", 8)
POST = {"method": "POST", "path": "/v1/chat/completions"}


def key(gateway):
    return ("authorization", f"Bearer {gateway.key}")


def open_post(gateway, stream=1, *more):
    return frame(HEADERS, 4, stream, block(key(gateway), *more, **POST))


FLOODS = {
    "resets of streams": lambda gateway: [frame(HEADERS, 5, stream, block(key(gateway))) + frame(RST, 0, stream, CANCEL) for stream in range(1, 2001, 2)],
    "settings": lambda _: [frame(SETTINGS, 0, 0)] * 2000, "pings": lambda _: [frame(PING, 0, 0, b"12345678")] * 2000,
    "answers to no ping": lambda _: [frame(PING, 1, 0, b"12345678")] * 2000,
    "priorities": lambda _: [frame(PRIORITY, 0, 1, bytes(5))] * 2000,
    "windows of the connection": lambda _: [frame(UPDATE, 0, 0, struct.pack(">I", 1))] * 20_000,
    "windows of a stream": lambda gateway: [open_post(gateway)] + [frame(UPDATE, 0, 1, struct.pack(">I", 1))] * 20_000,
    "empty DATA": lambda gateway: [open_post(gateway)] + [frame(DATA, 0, 1)] * 2000,
    "padding": lambda gateway: [open_post(gateway)] + [frame(DATA, 8, 1, b"\xff" + bytes(255))] * 900,
    "DATA of a byte": lambda gateway: [open_post(gateway)] + [frame(DATA, 0, 1, b" ")] * 20_000,
    "empty CONTINUATION": lambda gateway: [frame(HEADERS, 1, 1, block(key(gateway)))] + [frame(CONTINUATION, 0, 1)] * 2000,
    "CONTINUATION": lambda gateway: [frame(HEADERS, 1, 1, block(key(gateway)))]
    + [frame(CONTINUATION, 0, 1, Encoder().encode([(f"x{number}", "y" * 100)])) for number in range(2000)],
    "unknown frames": lambda _: [frame(0xFA, 0, 0, b"x")] * 20_000,
    "the window of all streams": lambda _: [frame(SETTINGS, 0, 0, struct.pack(">HI", 4, number % 2 * 1000)) for number in range(2000)],
}

for what, made in FLOODS.items():
    def flood(made=made):
        async def run(gateway):
            seen = await H2.say(gateway, made(gateway))
            # What was still on its way may have made a reset of the connection, which takes GOAWAY along.
            assert seen.ended and seen.goaway in (CALM, None), seen
            await gateway.provider_stats("exactly=active:0")
        return run
    check(f"HTTP/2: a flood of {what} ends the connection")(flood())


BREACHES = {
    "a window beyond its bound": (FLOW_CONTROL_ERROR, lambda _: [frame(UPDATE, 0, 0, struct.pack(">I", 0x7FFFFFFF))] * 2),
    "a window of nothing": (PROTOCOL_ERROR, lambda _: [frame(UPDATE, 0, 0, bytes(4))]),
    "a header list without end": (PROTOCOL_ERROR, lambda gateway: [
        frame(HEADERS, 1, 1, block(key(gateway), ("x", "y" * 15_000))), *(frame(CONTINUATION, 0, 1, Encoder().encode([(f"x{n}", "y" * 15_000)])) for n in range(4)),
        frame(CONTINUATION, 4, 1, Encoder().encode([("z", "y" * 15_000)]))]),
    "a header list that a few bytes repeat": (COMPRESSION_ERROR, lambda gateway: [
        frame(HEADERS, 5, 1, block(key(gateway), ("x", "y" * 3_900)) + bytes([0x80 | 62]) * 10_000)]),
    "more streams than are allowed": (PROTOCOL_ERROR, lambda gateway: [open_post(gateway, stream) for stream in range(1, 601, 2)]),
    "an old stream": (PROTOCOL_ERROR, lambda gateway: [frame(HEADERS, 5, 5, block(key(gateway))), frame(HEADERS, 5, 3, block(key(gateway)))]),
    "a frame beyond its bound": (FRAME_SIZE_ERROR, lambda _: [frame(DATA, 0, 1, bytes(20_000))]),
    "a promise": (PROTOCOL_ERROR, lambda gateway: [frame(PUSH, 4, 1, struct.pack(">I", 2) + block(key(gateway)))]),
}

for what, (code, made) in BREACHES.items():
    def breach(code=code, made=made):
        async def run(gateway):
            seen = await H2.say(gateway, made(gateway), until=lambda seen: seen.goaway is not None)
            assert seen.goaway == code, seen
        return run
    check(f"HTTP/2: {what} is told in GOAWAY")(breach())

STREAMS = {
    "a name in capitals": lambda gateway: block(("X-A", "b")), "a hop's own header": lambda gateway: block(("connection", "close")),
    "a transfer coding": lambda gateway: block(("transfer-encoding", "chunked")), "another TE": lambda gateway: block(("te", "gzip")),
    "a line break in a value": lambda gateway: block(("x", "a\r\nb: c")), "NUL in a value": lambda gateway: block(("x", "a\0b")),
    "no path": lambda gateway: block(path=None), "no method": lambda gateway: block(method=None), "two lengths":
    lambda gateway: block(("content-length", "2"), ("content-length", "3"), **POST), "a pseudo-header that there is not": lambda gateway: block((":x", "y")),
}

for what, made in STREAMS.items():
    def stream(made=made):
        async def run(gateway):
            seen = await H2.say(gateway, [frame(HEADERS, 5, 1, made(gateway)), frame(HEADERS, 5, 3, block(key(gateway)))],
                                until=lambda seen: 3 in seen.answers and 1 in seen.resets)
            assert seen.answers == {3: 200} and seen.goaway is None, seen
        return run
    check(f"HTTP/2: {what} costs its stream alone")(stream())


@check("HTTP/2: CONNECT, twice, costs its streams alone, and the connection is idle after it")
async def _(gateway):
    connects = [frame(HEADERS, 5, number, Encoder().encode([(":method", "CONNECT"), (":authority", "gateway")])) for number in (1, 3)]
    seen = await H2.say(gateway, connects + [frame(HEADERS, 5, 5, block(key(gateway)))], until=lambda seen: 5 in seen.answers)
    assert seen.answers.get(5) == 200, seen


@check("HTTP/2: a stream that is opened and left is a 408, and its neighbours are answered")
async def _(gateway):
    seen = await H2.say(gateway, [open_post(gateway), frame(HEADERS, 5, 3, block(key(gateway)))], until=lambda seen: {1, 3} <= set(seen.answers))
    assert seen.answers == {1: 408, 3: 200}, seen


@check("HTTP/2: a client that gives no window costs no memory, and its neighbours are answered")
async def _(gateway):
    body = b'{"model":"say:500","messages":[{"role":"user","content":"x"}],"stream":true}'
    before = gateway.resident_kilobytes
    frames = [open_post(gateway, number) + frame(DATA, 1, number, body) for number in range(1, 181, 2)]
    frames.append(frame(HEADERS, 5, 201, block(key(gateway))) + frame(UPDATE, 0, 201, struct.pack(">I", 60_000)))
    seen = await H2.say(gateway, frames, settings=struct.pack(">HI", 4, 0), until=lambda seen: 201 in seen.bodies)
    assert seen.answers.get(201) == 200 and not set(seen.bodies) - {201}, seen
    grown = gateway.resident_kilobytes - before
    print(f"# 90 streams without a window: {grown // 1000} MB more")
    assert grown < 60_000, grown
    await gateway.provider_stats("exactly=active:0")
