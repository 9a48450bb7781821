"""protocol/vectors: bodies and frames against this client's own codec, frames and conversations against a live gateway."""

import asyncio
import glob
import json
import os

from schema import DecodingError
from wire import (BEGIN, BODIES, COMPRESSED, CREDIT, DELTA, ERROR, FLAGS, GOAWAY, HELLO, NAMES, PING, PONG, PROTOCOL, REQUEST, RESULT, SCHEMA,
                  WELCOME, Connection, Violation, body_of, chat, decompress, describe, frame, hello, request)

NUMBERS = {name: number for number, name in NAMES.items()}


def vectors(path):
    for name in sorted(glob.glob(os.path.join(PROTOCOL, "vectors", path))):
        with open(name, encoding="utf-8") as file:
            yield from json.load(file)


def without_gateway():
    return [("the decoder agrees with vectors/messages", message_vectors, ()), ("and with the valid vectors/frames", valid_frames, ())]


async def message_vectors():
    count = 0
    for vector in vectors("messages/*.json"):
        data, message, count = bytes.fromhex(vector["hex"]), vector["message"], count + 1
        try:
            decoded, broken = SCHEMA.decode(message, data, vector.get("element_limit", 16_384)), None
        except DecodingError as problem:
            decoded, broken = None, problem.rule
        assert broken == vector.get("error"), f"{vector['name']}: {broken}"
        if not vector["valid"]:
            continue
        expected = SCHEMA.from_json(message, vector["decoded"])
        # Compared as bytes: JSON's floats are rounded.
        assert SCHEMA.encode(message, decoded) == SCHEMA.encode(message, expected), f"{vector['name']}: {SCHEMA.to_json(message, decoded)}"
        if vector["canonical"]:
            assert SCHEMA.encode(message, decoded) == data, f"{vector['name']}: other bytes"
    assert count > 100


async def valid_frames():
    for vector in vectors("frames/valid.json"):
        data = bytes.fromhex(vector["hex"])
        kind, payload, name = data[3], data[8:], vector["name"]
        flags = sorted(flag for bit, flag in FLAGS.items() if kind & bit)
        header = {"length": int.from_bytes(data[:3], "big"), "type": NAMES.get(kind & 0x1F, kind & 0x1F), "flags": flags,
                  "stream": int.from_bytes(data[4:8], "big")}
        assert header == {**vector["header"], "flags": sorted(vector["header"]["flags"])}, f"{name}: {header}"
        if kind & COMPRESSED and kind & 0x1F in (REQUEST, RESULT, DELTA):
            payload = decompress(payload, 65_536)
            assert payload.hex() == vector["uncompressed"], name
        if "message_length" in vector:
            assert int.from_bytes(payload[:4], "big") == vector["message_length"], name
            payload = payload[4:]
        if "body" in vector:
            assert SCHEMA.to_json(vector["message"], SCHEMA.decode(vector["message"], payload)) == vector["body"], name


# Against a gateway

OTHER_SETTINGS = [(", wire: {max_frame_bytes: 1000000B}", {"max_frame_bytes": 1_000_000}),
                  (", max_request_bytes: 20000B", {"max_message_bytes": 20_000}),
                  (", wire: {max_concurrent_streams: 1}", {"max_concurrent_streams": 1})]
# What a live gateway cannot be brought to: so small a limit, the application's own steps, an answer of so many bytes; and long waits.
LONGEST_WAIT_MS = 1_000


def on(gateway, settings):
    checks = []
    if not settings:
        checks = [("every invalid frame has its answer", invalid_frames, (gateway,))]
    for conversation in vectors("conversations/*.json"):
        if conversation["under_test"] == "server" and conversation.get("settings", {}) == settings and can_be_replayed(conversation):
            checks.append((f"conversation: {conversation['name']}", replay, (gateway, conversation)))
    return checks


def can_be_replayed(conversation):
    for step in conversation["steps"]:
        if "do" in step or step.get("wait_ms", 0) > LONGEST_WAIT_MS or b"long:" in bytes.fromhex(step.get("hex", "")):
            return False
    return True


async def invalid_frames(gateway):
    for vector in vectors("frames/invalid.json"):
        if vector["receiver"] != "server":
            continue
        async with await Connection.open(gateway) as connection:
            connection.send(hello(gateway.key), request(1, chat("hang")))
            await connection.expect(WELCOME)
            connection.send(bytes.fromhex(vector["hex"]))
            try:
                # A stream is taken in with the header of its first frame.
                stream = int.from_bytes(bytes.fromhex(vector["hex"])[4:8], "big")
                taken_in = 3 if stream == 3 and vector["rule"].startswith("P") else 1
                await fails_with(connection, vector["error"], taken_in)
            except Violation as problem:
                raise Violation(f"{vector['name']}: {problem}") from None


def code_of(name):
    with open(os.path.join(PROTOCOL, "error-codes.json"), encoding="utf-8") as file:
        return next(code["code"] for code in json.load(file)["codes"] if code["name"] == name)


async def fails_with(connection, error, last_stream=None):
    """ERROR on stream 0, GOAWAY if WELCOME was sent (`last_stream` is given), and the end."""
    received, body = await connection.expect(ERROR)
    if received.stream != 0 or body["code"] != code_of(error):
        raise Violation(f"ERROR {body} on stream {received.stream}, {error} was due")
    if last_stream is not None:
        _, body = await connection.expect(GOAWAY)
        if body.get("last_stream", 0) != last_stream or body.get("reason") != 4:
            raise Violation(f"GOAWAY {body}")
    if (received := await connection.read()) is not None:
        raise Violation(f"{NAMES[received.type]} after the end")


def with_our_key(data, key):
    """The frames of a step, with the key of this gateway in HELLO where the vector has its own."""
    out, at = b"", 0
    while at < len(data):
        length = int.from_bytes(data[at:at + 3], "big") if len(data) - at >= 8 else len(data)
        piece, at = data[at:at + 8 + length], at + 8 + length
        if len(piece) > 8 and piece[3] == HELLO:
            try:
                body = SCHEMA.decode("Hello", piece[8:])
            except DecodingError:
                body = {}
            if body.get("credential") == "key":
                piece = frame(HELLO, 0, {**body, "credential": key})
        out += piece
    return out


def matches(expected, found):
    """Whether what a vector asks for is there. What the vectors' own application says, and a gateway says in its own words, is left out."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(
            name in ("response_id", "model", "data", "sequence") or matches(value, found.get(name, 0)) for name, value in expected.items())
    if isinstance(expected, list):
        return isinstance(found, list) and len(expected) == len(found) and all(map(matches, expected, found))
    return expected == found


class Replay:
    """One conversation of the vectors with a live gateway as the server under test."""

    def __init__(self, connection):
        self.connection, self.waiting = connection, None
        self.hanging = set()

    async def next_frame(self):
        """The next frame; credit is given when the gateway likes."""
        received, self.waiting = self.waiting, None
        while received is None or (received.type == CREDIT and received.stream):
            received = await self.connection.read()
            if received is None:
                return None
        return received

    async def step(self, step):
        type, stream = NUMBERS[step["type"]], step.get("stream", 0)
        if type == BEGIN and stream in self.hanging:
            return  # the provider's answer begins it, and there is none
        received = await self.next_frame()
        if received is None:
            raise Violation(f"the connection ended, {step['type']} was due")
        if type == DELTA and received.type != DELTA and self.last == (DELTA, stream):
            self.waiting = received  # a gateway may put two of the vector's texts into one DELTA
            return
        while type != DELTA and received.type == DELTA and self.last == (DELTA, stream):
            received = await self.next_frame()
        if (received.type, received.stream) != (type, stream):
            raise Violation(f"{NAMES[received.type]} {describe(received)} on stream {received.stream}, {step['type']} on {stream} was due")
        self.last = type, stream
        if type in (PING, PONG):
            body = {"opaque": received.payload.hex()}
        elif type in (RESULT, DELTA):
            return
        else:
            body = body_of(received) if type == CREDIT else SCHEMA.to_json(BODIES[type], body_of(received))
        if not matches(step.get("body", {}), body):
            raise Violation(f"{step['type']} says {body}, {step['body']} was due")


async def replay(gateway, conversation):
    async with await Connection.open(gateway) as connection:
        player = Replay(connection)
        player.last = None
        for step, following in zip(conversation["steps"], conversation["steps"][1:] + [{}]):
            if "wait_ms" in step:
                await asyncio.sleep(step["wait_ms"] / 1000)
            elif step["from"] == "client":
                data = with_our_key(bytes.fromhex(step["hex"]), gateway.key)
                if data[3] & 0x1F == REQUEST and b"hang" in data:
                    player.hanging.add(int.from_bytes(data[4:8], "big"))
                times = step.get("times", 1)
                if times > 1 and following.get("type") == "ERROR" and conversation["ends"] == "closed":
                    # Permits grow back while a gateway reads a flood: what comes behind the end is dropped.
                    times += times // 2
                connection.send(data * times)
            else:
                for _ in range(step.get("times", 1)):
                    await player.step(step)
        if conversation["ends"] == "closed":
            if (received := await player.next_frame()) is not None:
                raise Violation(f"{NAMES[received.type]} after the end")
            return
        # Nothing more may come. The marker is CREDIT beyond what there may be: its answer comes behind all else.
        connection.send(frame(CREDIT, 0, bytes(4)))
        await end_with_marker(player)


async def end_with_marker(player):
    while (received := await player.next_frame()) is not None and received.type == DELTA and player.last[0] == DELTA:
        pass
    if received is None or (received.type, received.stream) != (ERROR, 0) or body_of(received)["code"] != code_of("protocol_error"):
        raise Violation(f"{received and NAMES[received.type]} was not asked for")
