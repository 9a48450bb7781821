"""Frames and message bodies, built byte by byte with a note on each part, apart from the Swift that they test."""
import ctypes
import ctypes.util
import struct

TYPES = {
    "HELLO": 1, "WELCOME": 2, "REQUEST": 3, "RESULT": 4, "BEGIN": 5, "DELTA": 6, "END": 7, "ERROR": 8, "CANCEL": 9,
    "CREDIT": 10, "PING": 11, "PONG": 12, "GOAWAY": 13,
}
FLAGS = {"compressed": 0x20, "endStream": 0x40, "more": 0x80}


class Part:
    """Bytes and what they mean."""

    def __init__(self, content, note=""):
        self.content = content
        self.note = note


def varint(value):
    groups = []
    while value >= 0x80:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(groups + [value])


def number(field, value, note=""):
    """A field of wire type 0."""
    return [Part(varint(field << 3) + varint(value), note)] if value else []


def block(field, content, note=""):
    """A field of wire type 2: a string, bytes, or an inner message as a list of parts."""
    if isinstance(content, list):
        inner = b"".join(part.content for part in content)
        head = Part(varint(field << 3 | 2) + varint(len(inner)), note)
        return [head] + [Part(part.content, "  " + part.note) for part in content]
    content = content.encode() if isinstance(content, str) else content
    return [Part(varint(field << 3 | 2) + varint(len(content)) + content, note)] if content else []


def join(parts):
    return parts if isinstance(parts, bytes) else b"".join(part.content for part in parts)


class Frame:
    def __init__(self, kind, stream, payload=b"", flags=(), note="", length=None):
        self.name = kind
        self.kind = TYPES[kind] if isinstance(kind, str) else kind
        self.stream = stream
        self.parts = payload if isinstance(payload, list) else [Part(payload)]
        self.payload = join(payload)
        self.flags = list(flags)
        self.note = note
        self.length = len(self.payload) if length is None else length

    @property
    def kind_byte(self):
        return self.kind | sum(FLAGS[flag] for flag in self.flags)

    @property
    def bytes(self):
        return struct.pack(">II", self.length << 8 | self.kind_byte, self.stream) + self.payload

    @property
    def hex(self):
        return self.bytes.hex()


def message(parts, kind="REQUEST"):
    """A REQUEST's or RESULT's payload when it fits one frame: its length, then the message."""
    body = join(parts)
    return [Part(struct.pack(">I", len(body)), f"the message has {len(body)} bytes")] + (parts if isinstance(parts, list) else [Part(parts)])


_lz4 = ctypes.CDLL(ctypes.util.find_library("lz4") or "liblz4.so.1")


def lz4_block(data):
    bound = _lz4.LZ4_compressBound(len(data))
    target = ctypes.create_string_buffer(bound)
    size = _lz4.LZ4_compress_default(data, target, len(data), bound)
    return target.raw[:size]


def compressed(data):
    return [Part(varint(len(data)), f"{len(data)} bytes uncompressed"), Part(lz4_block(data), "LZ4 block")]


# ---- bodies -----------------------------------------------------------------------------------------------------------

def limits(frame=0, message_bytes=0, streams=0, stream_credit=0, connection_credit=0, idle=0):
    return (
        number(1, frame, f"max_frame_bytes = {frame}") + number(2, message_bytes, f"max_message_bytes = {message_bytes}")
        + number(3, streams, f"max_concurrent_streams = {streams}")
        + number(4, stream_credit, f"initial_stream_credit = {stream_credit}")
        + number(5, connection_credit, f"initial_connection_credit = {connection_credit}")
        + number(6, idle, f"idle_timeout_ms = {idle}"))


def hello(minimum=1, maximum=1, own_limits=None, features=1, credential="key", agent="vector/1"):
    return (
        number(1, minimum, f"min_version = {minimum}") + number(2, maximum, f"max_version = {maximum}")
        + (block(3, own_limits, "limits") if own_limits else [])
        + number(4, features, f"features = {features}" + (" (lz4)" if features == 1 else ""))
        + block(5, credential, f'credential = "{credential}"') + block(6, agent, f'agent = "{agent}"'))


def welcome(version=1, own_limits=None, features=1):
    return (
        number(1, version, f"version = {version}") + (block(2, own_limits, "limits") if own_limits else [])
        + number(3, features, f"features = {features}") + block(4, "eu", 'region = "eu"')
        + block(5, "r1", 'replica_id = "r1"') + block(6, "1.0", 'server_version = "1.0"'))


SERVER_LIMITS = limits(65536, 16777216, 256, 262144, 1048576)


def chat(model, text="Hi", stream=True):
    """A Request whose model tells the vectors' application what to answer."""
    part = block(1, text, f'text = "{text if len(text) < 40 else "..."}"')
    chat_message = number(1, 3, "role = USER") + block(2, part, "parts[0]")
    body = (
        block(1, model, f'model = "{model}"') + block(2, chat_message, "messages[0]") + number(3, int(stream), "stream = true"))
    return block(16, body, "chat")


def begin(response_id="resp-1", model="stream"):
    return block(1, response_id, f'response_id = "{response_id}"') + block(2, model, f'model = "{model}"')


def delta(sequence, data, choice=0, item=0, kind=1):
    return (
        number(1, sequence, f"sequence = {sequence}") + number(2, choice, f"choice = {choice}") + number(3, item, f"item = {item}")
        + number(4, kind, "kind = TEXT_ITEM") + block(7, data, f'data = "{data if isinstance(data, str) and len(data) < 40 else "..."}"'))


def end():
    finish = number(2, 1, "reason = STOP")
    usage = number(1, 9, "input = 9") + number(4, 2, "output = 2")
    return block(1, finish, "finishes[0]") + block(2, usage, "usage") + number(9, 1, "attempts = 1")


def chat_result(text="Hello"):
    item = number(1, 1, "kind = TEXT_ITEM") + block(4, text, f'data = "{text if len(text) < 40 else "..."}"')
    choice = block(2, item, "items[0]")
    return block(1, block(1, choice, "choices[0]"), "chat")


def error(code, text, retryable=False, retry_after=0):
    return (
        number(1, code, f"code = {code}") + block(2, text, f'message = "{text}"')
        + number(3, int(retryable), "retryable = true") + number(4, retry_after, f"retry_after_ms = {retry_after}"))


def cancel(reason=1):
    names = {1: "CALLER", 2: "DEADLINE_EXCEEDED", 3: "INVALID_ANSWER"}
    return number(1, reason, f"reason = {names.get(reason, reason)}")


def goaway(last=0, reason=0, deadline=0, text=""):
    names = {1: "DRAIN", 2: "REAUTHENTICATE", 3: "IDLE", 4: "PROTOCOL_ERROR", 5: "OVERLOADED"}
    return (
        number(1, last, f"last_stream = {last}") + number(2, reason, f"reason = {names.get(reason, reason)}")
        + number(3, deadline, f"drain_deadline_ms = {deadline}") + block(4, text, f'message = "{text}"'))


def credit(increment):
    return [Part(struct.pack(">I", increment), f"increment = {increment}")]


OPAQUE = bytes.fromhex("0123456789abcdef")
