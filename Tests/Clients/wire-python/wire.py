"""A client of the AgentShield wire protocol, written from protocol/SPEC.md alone. It checks everything that a server may not do."""

import asyncio
import os
import ssl
import struct
from collections import namedtuple

import lz4.block

from schema import DecodingError, Schema, decode_varint, encode_varint
from web_socket import WebSocket

PROTOCOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "protocol")
with open(os.path.join(PROTOCOL, "agentshield.proto"), encoding="utf-8") as file:
    SCHEMA = Schema(file.read())

(HELLO, WELCOME, REQUEST, RESULT, BEGIN, DELTA, END, ERROR, CANCEL, CREDIT, PING, PONG, GOAWAY) = range(1, 14)
NAMES = dict(enumerate("HELLO WELCOME REQUEST RESULT BEGIN DELTA END ERROR CANCEL CREDIT PING PONG GOAWAY".split(), 1))
BODIES = {HELLO: "Hello", WELCOME: "Welcome", REQUEST: "Request", RESULT: "Result", BEGIN: "Begin", DELTA: "Delta", END: "End",
          ERROR: "Error", CANCEL: "Cancel", GOAWAY: "GoAway"}
COMPRESSED, END_STREAM, MORE = 0x20, 0x40, 0x80
FLAGS = {COMPRESSED: "compressed", END_STREAM: "endStream", MORE: "more"}
SENT_BY_SERVER = {WELCOME, RESULT, BEGIN, DELTA, END, ERROR, CREDIT, PING, PONG, GOAWAY}
ALLOWED_FLAGS = {RESULT: COMPRESSED | MORE, DELTA: COMPRESSED, REQUEST: COMPRESSED | MORE | END_STREAM}
ON_CONNECTION = {HELLO, WELCOME, PING, PONG, GOAWAY}
ON_EITHER = {ERROR, CREDIT}
LZ4, PADDING = 1, 2
DEFAULTS = {"max_frame_bytes": 65_536, "max_message_bytes": 16_777_216, "max_concurrent_streams": 256,
            "initial_stream_credit": 262_144, "initial_connection_credit": 1_048_576, "idle_timeout_ms": 0}
LARGEST_CREDIT = (1 << 31) - 1

Frame = namedtuple("Frame", "type flags stream payload")


class Violation(Exception):
    """The server broke a rule."""


def frame(type, stream=0, payload=b"", flags=0):
    """One frame's bytes; a dict as payload is encoded as the type's message."""
    if isinstance(payload, dict):
        payload = SCHEMA.encode(BODIES[type], payload)
    return len(payload).to_bytes(3, "big") + bytes([type | flags]) + struct.pack(">I", stream) + payload


def request(stream, body, flags=END_STREAM):
    """A REQUEST in one frame."""
    message = SCHEMA.encode("Request", body)
    return frame(REQUEST, stream, struct.pack(">I", len(message)) + message, flags)


def credit(stream, increment):
    return frame(CREDIT, stream, struct.pack(">I", increment))


def hello(key, features=LZ4, limits=None, **more):
    return frame(HELLO, 0, {"min_version": 1, "max_version": 1, "features": features, "credential": key, "agent": "wire-python/1",
                            "limits": limits or {}, **more})


def chat(model, text="Hi", stream=True, **more):
    """A Request's body."""
    operation = {"model": model, "messages": [{"role": 3, "parts": [{"text": text}]}], "stream": stream}
    return {"chat": operation, **more}


def compress(payload):
    """A payload compressed as section 9 says, whether or not it gains by that."""
    return encode_varint(len(payload)) + lz4.block.compress(payload, store_size=False)


def decompress(payload, limit):
    length, at = decode_varint(payload, 0, len(payload))
    if not 1 <= length <= limit or at > 4:
        raise Violation(f"a compressed payload declares {length} bytes")
    plain = lz4.block.decompress(payload[at:], uncompressed_size=length)
    if len(plain) != length or len(payload) >= length:
        raise Violation("a compressed payload has another length, or gains nothing")
    return plain


def body_of(received):
    """A frame's message as a dict; CREDIT's increment, PING's and PONG's bytes."""
    if received.type == CREDIT:
        return {"increment": struct.unpack(">I", received.payload)[0]}
    if received.type in (PING, PONG):
        return {"opaque": received.payload}
    try:
        return SCHEMA.decode(BODIES[received.type], received.payload)
    except DecodingError as problem:
        raise Violation(f"{NAMES[received.type]} cannot be decoded: {problem}") from None


def check_header(length, kind, stream, longest):
    """Section 3, as a client sees it."""
    type, flags = kind & 0x1F, kind & 0xE0
    if length > longest:
        raise Violation(f"a frame of {length} bytes")
    if type not in NAMES:
        return type, flags
    if type not in SENT_BY_SERVER:
        raise Violation(f"{NAMES[type]} from the server")
    if type not in ON_EITHER and (stream == 0) != (type in ON_CONNECTION):
        raise Violation(f"{NAMES[type]} on stream {stream}")
    if flags & ~ALLOWED_FLAGS.get(type, 0):
        raise Violation(f"{NAMES[type]} with flags {flags:x}")
    wanted = {CREDIT: 4, PING: 8, PONG: 8}.get(type)
    if (wanted is not None and length != wanted) or (type not in (RESULT, DELTA) and length > 8_192):
        raise Violation(f"{NAMES[type]} of {length} bytes")
    return type, flags


class Connection:
    """Frames over TLS, or in a WebSocket, without any rule about their order."""

    def __init__(self, reader, writer, max_frame_bytes=65_536):
        self.reader, self.writer, self.max_frame_bytes = reader, writer, max_frame_bytes

    @classmethod
    async def open(cls, gateway, alpn=("agentshield/1",), max_frame_bytes=65_536):
        context = ssl.create_default_context(cafile=gateway.ca_file)
        if gateway.over_web_socket:
            web = await WebSocket.open("localhost", gateway.port, context)
            return cls(web, web, max_frame_bytes)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.set_alpn_protocols(list(alpn))
        reader, writer = await asyncio.open_connection("localhost", gateway.port, ssl=context, limit=1 << 20)
        if writer.get_extra_info("ssl_object").selected_alpn_protocol() != "agentshield/1":
            raise Violation("the server selected another protocol")
        return cls(reader, writer, max_frame_bytes)

    def send(self, *pieces):
        self.writer.write(b"".join(pieces))

    async def read(self, within=30.0):
        """The next frame, None at the end of the connection."""
        async with asyncio.timeout(within):
            try:
                header = await self.reader.readexactly(8)
                length, kind, stream = int.from_bytes(header[:3], "big"), header[3], struct.unpack(">I", header[4:])[0]
                type, flags = check_header(length, kind, stream, self.max_frame_bytes)
                return Frame(type, flags, stream, await self.reader.readexactly(length))
            except asyncio.IncompleteReadError as end:
                if end.partial:
                    raise Violation("the connection ended within a frame") from None
                return None
            except (ConnectionError, ssl.SSLError):
                return None

    async def expect(self, *types, within=30.0):
        """The next frame that is neither PING nor CREDIT, which must be of one of the types; PINGs are answered."""
        while True:
            received = await self.read(within)
            if received is None:
                raise Violation(f"the connection ended, {[NAMES[t] for t in types]} was due")
            if received.type == PING:
                self.send(frame(PONG, 0, received.payload))
            elif received.type in types:
                return received, body_of(received) if received.type not in (RESULT, DELTA) else None
            elif received.type != CREDIT:
                raise Violation(f"{NAMES[received.type]} {describe(received)}, {[NAMES[t] for t in types]} was due")

    async def close(self):
        self.writer.close()
        try:
            async with asyncio.timeout(5):
                await self.writer.wait_closed()
        except (ConnectionError, ssl.SSLError, TimeoutError):
            pass

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.close()


def describe(received):
    return received.payload[:60] if received.type in (RESULT, DELTA) else body_of(received)


class Answer:
    """One stream, as its client sees it."""

    def __init__(self, client, number):
        self.client, self.number = client, number
        self.window = client.limits["initial_stream_credit"]
        self.left = client.own["initial_stream_credit"]
        self.untaken = 0
        self.sent_whole = self.over = False
        self.begin = self.end = self.error = None
        self.deltas, self.items = 0, {}
        self.result, self.declared = None, None
        self.result_over = False
        self.began, self.ended, self.grew = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @property
    def text(self):
        return b"".join(data for (choice, _), data in sorted(self.items.items()) if choice == 0).decode()

    async def wait(self, within=120.0):
        """Until the stream is over; returns itself."""
        async with asyncio.timeout(within):
            await self.ended.wait()
        if self.client.failure and not (self.end or self.error):
            raise self.client.failure
        return self


class Client:
    """A whole client: multiplexes, gives credit back, keeps to the server's credit, and checks what the server does."""

    def __init__(self, connection, features, own, auto_credit=True):
        self.connection, self.offered, self.own, self.auto_credit = connection, features, {**DEFAULTS, **own}, auto_credit
        self.limits, self.features = dict(DEFAULTS), 0
        self.window, self.left, self.untaken = self.limits["initial_connection_credit"], self.own["initial_connection_credit"], 0
        self.streams, self.next_stream = {}, 1
        self.welcome = self.goaway = self.error = self.failure = None
        self.credited, self.closed = asyncio.Event(), asyncio.Event()
        self.pongs = asyncio.Queue()
        self.frames, self.compressed_frames, self.connection_credits = 0, 0, 0
        self.reading = None

    @classmethod
    async def open(cls, gateway, features=LZ4, limits=None, key=None, auto_credit=True):
        limits = limits or {}
        connection = await Connection.open(gateway, max_frame_bytes=limits.get("max_frame_bytes", 65_536))
        client = cls(connection, features, limits, auto_credit)
        connection.send(hello(key or gateway.key, features, limits))
        client.reading = asyncio.create_task(client._read())
        return client

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.close()

    async def close(self):
        self.reading.cancel()
        await asyncio.gather(self.reading, return_exceptions=True)
        await self.connection.close()

    # Sending

    def start(self, body, number=None):
        """Opens a stream and sends its REQUEST, as credit allows."""
        number = number or self.next_stream
        self.next_stream = number + 2
        answer = self.streams[number] = Answer(self, number)
        message = SCHEMA.encode("Request", body)
        whole = struct.pack(">I", len(message)) + message
        if len(whole) <= min(self.limits["max_frame_bytes"], answer.window, self.window):
            self._send_fragment(answer, whole, END_STREAM)
            answer.sent_whole = True
        else:
            answer.sending = asyncio.create_task(self._send(answer, whole))
        return answer

    async def _send(self, answer, whole):
        at = 0
        longest = min(self.limits["max_frame_bytes"], self.limits["initial_stream_credit"] // 2,
                      self.limits["initial_connection_credit"] // 2)
        while at < len(whole) and not answer.over:
            piece = whole[at:at + longest]
            while len(piece) > min(answer.window, self.window) and not answer.over and not self.closed.is_set():
                self.credited.clear()
                await self.credited.wait()
            if answer.over or self.closed.is_set():
                break
            at += len(piece)
            self._send_fragment(answer, piece, END_STREAM if at == len(whole) else MORE)
            await self.connection.writer.drain()
        answer.sent_whole = at >= len(whole)
        if answer.error and not answer.sent_whole:
            self.connection.send(frame(CANCEL, answer.number, {"reason": 1}))

    def _send_fragment(self, answer, piece, flags):
        answer.window -= len(piece)
        self.window -= len(piece)
        if self.features & LZ4 and len(piece) >= 512:
            packed = compress(piece)
            if len(packed) < len(piece):
                piece, flags = packed, flags | COMPRESSED
        self.connection.send(frame(REQUEST, answer.number, piece, flags))

    async def ask(self, body, within=120.0):
        return await self.start(body).wait(within)

    def cancel(self, answer):
        if not answer.over:
            answer.over = True
            self.connection.send(frame(CANCEL, answer.number, {"reason": 1}))
            answer.ended.set()
            self.credited.set()

    def give(self, stream, increment):
        """CREDIT for a stream, or for the connection (0)."""
        if stream == 0:
            self.left += increment
        else:
            self.streams[stream].left += increment
        self.connection.send(credit(stream, increment))

    # Reading

    async def _read(self):
        try:
            while (received := await self.connection.read(within=None)) is not None:
                self.frames += 1
                if received.type in NAMES:
                    self._take(received)
        except Violation as problem:
            self.failure = problem
            self.connection.writer.transport.abort()
        self.closed.set()
        self.credited.set()
        for answer in self.streams.values():
            answer.over = True
            for event in (answer.began, answer.ended, answer.grew):
                event.set()

    def _take(self, received):
        if self.error is not None:
            raise Violation(f"{NAMES[received.type]} behind ERROR on stream 0") if received.type != GOAWAY else None
        if self.welcome is None and received.type not in (WELCOME, GOAWAY) and (received.type, received.stream) != (ERROR, 0):
            raise Violation(f"{NAMES[received.type]} before WELCOME")
        if received.flags & COMPRESSED:
            if not self.features & LZ4:
                raise Violation("compressed, but not agreed")
            self.compressed_frames += 1
            plain = decompress(received.payload, self.own["max_frame_bytes"])
            received = received._replace(payload=plain)
        if received.stream == 0:
            return self._take_for_connection(received)
        if received.type in (DELTA, RESULT):
            self._count(received)
        if received.stream % 2 == 0 or received.stream not in self.streams:
            raise Violation(f"{NAMES[received.type]} on stream {received.stream}, which was never opened")
        answer = self.streams[received.stream]
        if received.type == CREDIT:
            answer.window += body_of(received)["increment"]
            if answer.window > LARGEST_CREDIT:
                raise Violation("credit overflows")
            self.credited.set()
        elif not answer.over:
            self._take_for_stream(received, answer)
        elif answer.error or answer.end:
            raise Violation(f"{NAMES[received.type]} after the end")

    def _take_for_connection(self, received):
        body = body_of(received)
        if received.type == WELCOME:
            if self.welcome is not None or body.get("version") != 1 or body.get("features", 0) & ~self.offered:
                raise Violation(f"WELCOME {body}")
            self._welcome(body)
        elif received.type == ERROR:
            self.error = body
        elif received.type == GOAWAY:
            if self.goaway and body.get("last_stream", 0) > self.goaway.get("last_stream", 0):
                raise Violation("last_stream rises")
            self.goaway = body
            for number, answer in self.streams.items():
                if number > body.get("last_stream", 0):
                    answer.over = True
                    answer.ended.set()
        elif received.type == PING:
            self.connection.send(frame(PONG, 0, received.payload))
        elif received.type == PONG:
            self.pongs.put_nowait(received.payload)
        else:
            self.window += body["increment"]
            self.connection_credits += 1
            if not 1 <= body["increment"] or self.window > LARGEST_CREDIT:
                raise Violation("credit overflows, or is 0")
            self.credited.set()

    def _welcome(self, body):
        self.welcome, self.features = body, body.get("features", 0)
        for name, value in body.get("limits", {}).items():
            if name in ("max_frame_bytes", "initial_stream_credit", "initial_connection_credit") and 0 < value < DEFAULTS[name]:
                raise Violation(f"WELCOME lowers {name}")
            if value:
                self.limits[name] = value
        self.window += self.limits["initial_connection_credit"] - DEFAULTS["initial_connection_credit"]
        for answer in self.streams.values():
            answer.window += self.limits["initial_stream_credit"] - DEFAULTS["initial_stream_credit"]
        self.credited.set()

    def _count(self, received):
        """Takes a frame's credit, and gives the connection's back in halves, the stream's, too, as if it was consumed at once."""
        size, answer = len(received.payload), self.streams.get(received.stream)
        if size > min(self.own["max_frame_bytes"], self.own["initial_stream_credit"] // 2, self.own["initial_connection_credit"] // 2):
            raise Violation(f"a payload of {size} bytes is more than half of the credit")
        self.left -= size
        self.untaken += size
        if self.left < 0:
            raise Violation("more than the connection's credit")
        if self.auto_credit and self.untaken * 2 >= self.own["initial_connection_credit"]:
            self.give(0, self.untaken)
            self.untaken = 0
        if answer is None or answer.over:
            return
        answer.left -= size
        answer.untaken += size
        if answer.left < 0:
            raise Violation(f"more than stream {received.stream}'s credit")
        if self.auto_credit and answer.untaken * 2 >= self.own["initial_stream_credit"]:
            self.give(received.stream, answer.untaken)
            answer.untaken = 0

    def _take_for_stream(self, received, answer):
        if received.type == ERROR:
            answer.error, answer.over = body_of(received), True
        elif received.type == BEGIN:
            if answer.begin is not None or not answer.sent_whole:
                raise Violation("BEGIN out of order")
            answer.begin = body_of(received)
        elif answer.begin is None:
            raise Violation(f"{NAMES[received.type]} before BEGIN")
        elif received.type == DELTA:
            self._take_delta(received, answer)
        elif received.type == RESULT:
            self._take_result(received, answer)
        else:
            if answer.result is not None and not answer.result_over:
                raise Violation("END within a RESULT")
            answer.end, answer.over = body_of(received), True
        for event in [answer.began, answer.grew] + [answer.ended] * answer.over:
            event.set()

    def _take_delta(self, received, answer):
        body = body_of(received)
        answer.deltas += 1
        if answer.result is not None or body.get("sequence") != answer.deltas:
            raise Violation("DELTA out of order")
        if self.features & PADDING:
            size = len(received.payload)
            if received.flags & COMPRESSED or size < 64 or (size & (size - 1)) != 0 and size < 8_000 or any(body.get("padding", b"")):
                raise Violation(f"DELTA of {size} bytes is not padded")
        elif "padding" in body:
            raise Violation("padding was not agreed")
        data = body.get("data", b"")
        if body.get("kind") != 5:
            try:
                data.decode()
            except UnicodeDecodeError:
                raise Violation("a DELTA is cut within a character") from None
        key = body.get("choice", 0), body.get("item", 0)
        if key in answer.items and (body.get("id") or body.get("name")):
            raise Violation("id or name in a later DELTA of an item")
        answer.items[key] = answer.items.get(key, b"") + data

    def _take_result(self, received, answer):
        payload = received.payload
        if answer.deltas or answer.result_over:
            raise Violation("RESULT out of order")
        if answer.result is None:
            if len(payload) < 4:
                raise Violation("a first fragment of less than 4 bytes")
            answer.declared, payload = struct.unpack(">I", payload[:4])[0], payload[4:]
            answer.result = b""
            if answer.declared > self.own["max_message_bytes"]:
                raise Violation("RESULT over max_message_bytes")
        answer.result += payload
        if len(answer.result) > answer.declared:
            raise Violation("RESULT longer than declared")
        if not received.flags & MORE:
            if len(answer.result) != answer.declared:
                raise Violation("RESULT shorter than declared")
            try:
                answer.result, answer.result_over = SCHEMA.decode("Result", answer.result), True
            except DecodingError as problem:
                raise Violation(f"RESULT cannot be decoded: {problem}") from None
