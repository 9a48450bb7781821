"""Vectors of single frames: protocol/vectors/frames."""
import struct

from . import encoding as e
from .encoding import Frame

CHAT_TEXT = "The same words again and again. " * 40


def decoded(frame, receiver, name, message=None, body=None, **more):
    vector = {
        "name": name, "receiver": receiver, "hex": frame.hex,
        "header": {"length": frame.length, "type": frame.name, "flags": frame.flags, "stream": frame.stream},
    }
    if message:
        vector["message"] = message
        vector["body"] = body
    vector.update(more)
    return vector


def valid():
    big_request = e.join(e.message(e.chat("stream", CHAT_TEXT)))
    big_delta = e.join(e.delta(3, CHAT_TEXT))
    two = e.join(e.chat("stream", "in two pieces"))
    chat_body = {"chat": {"model": "stream", "messages": [{"role": "USER", "parts": [{"text": "Hi"}]}], "stream": True}}
    return [
        decoded(Frame("HELLO", 0, e.hello()), "server", "hello", "Hello",
                {"min_version": 1, "max_version": 1, "features": "1", "credential": "key", "agent": "vector/1"}),
        decoded(Frame("WELCOME", 0, e.welcome(own_limits=e.SERVER_LIMITS)), "client", "welcome", "Welcome",
                {"version": 1, "limits": {"max_frame_bytes": 65536, "max_message_bytes": 16777216, "max_concurrent_streams": 256,
                                          "initial_stream_credit": 262144, "initial_connection_credit": 1048576},
                 "features": "1", "region": "eu", "replica_id": "r1", "server_version": "1.0"}),
        decoded(Frame("REQUEST", 1, e.message(e.chat("stream")), ["endStream"]), "server", "request in one frame", "Request", chat_body,
                message_length=len(e.join(e.chat("stream")))),
        decoded(Frame("REQUEST", 3, struct.pack(">I", len(two)) + two[:10], ["more"]), "server", "first fragment of a request",
                message_length=len(two), fragment=two[:10].hex()),
        decoded(Frame("REQUEST", 3, two[10:], ["endStream"]), "server", "last fragment of a request", fragment=two[10:].hex()),
        decoded(Frame("REQUEST", 5, e.compressed(big_request), ["compressed", "endStream"]), "server", "compressed request",
                uncompressed=big_request.hex(), message_length=len(big_request) - 4),
        decoded(Frame("RESULT", 1, e.message(e.chat_result())), "client", "result in one frame", "Result",
                {"chat": {"choices": [{"items": [{"kind": "TEXT_ITEM", "data": "SGVsbG8="}]}]}},
                message_length=len(e.join(e.chat_result()))),
        decoded(Frame("BEGIN", 1, e.begin()), "client", "begin", "Begin", {"response_id": "resp-1", "model": "stream"}),
        decoded(Frame("DELTA", 1, e.delta(1, "Hello")), "client", "delta", "Delta",
                {"sequence": "1", "kind": "TEXT_ITEM", "data": "SGVsbG8="}),
        decoded(Frame("DELTA", 1, e.compressed(big_delta), ["compressed"]), "client", "compressed delta", uncompressed=big_delta.hex()),
        decoded(Frame("END", 1, e.end()), "client", "end", "End",
                {"finishes": [{"reason": "STOP"}], "usage": {"input": "9", "output": "2"}, "attempts": 1}),
        decoded(Frame("ERROR", 1, e.error(400, "too many requests", True, 1500)), "client", "error on a stream", "Error",
                {"code": 400, "message": "too many requests", "retryable": True, "retry_after_ms": 1500}),
        decoded(Frame("ERROR", 0, e.error(300, "no such key")), "client", "error on the connection", "Error",
                {"code": 300, "message": "no such key"}),
        decoded(Frame("ERROR", 1, e.error(54321, "of a later version")), "client", "error of unknown code", "Error",
                {"code": 54321, "message": "of a later version"}),
        decoded(Frame("CANCEL", 1, e.cancel()), "server", "cancel", "Cancel", {"reason": "CALLER"}),
        decoded(Frame("CANCEL", 1), "server", "cancel without a reason", "Cancel", {}),
        decoded(Frame("CREDIT", 0, e.credit(524288)), "server", "credit for the connection", increment=524288),
        decoded(Frame("CREDIT", 1, e.credit(0x7FFFFFFF - 262144)), "client", "the largest credit for a fresh stream", increment=0x7FFFFFFF - 262144),
        decoded(Frame("PING", 0, e.OPAQUE), "server", "ping", opaque=e.OPAQUE.hex()),
        decoded(Frame("PONG", 0, e.OPAQUE), "client", "pong", opaque=e.OPAQUE.hex()),
        decoded(Frame("GOAWAY", 0, e.goaway(5, 1, 30000, "deploying")), "client", "goaway", "GoAway",
                {"last_stream": 5, "reason": "DRAIN", "drain_deadline_ms": 30000, "message": "deploying"}),
        decoded(Frame("GOAWAY", 0), "server", "goaway of a client", "GoAway", {}),
        decoded(Frame(0, 7, b"later"), "server", "unknown type 0"),
        decoded(Frame(31, 0, b"", ["compressed", "endStream", "more"]), "client", "unknown type 31 with every flag"),
        decoded(Frame("REQUEST", 0xFFFFFFFF, e.message(e.chat("stream")), ["endStream"]), "server", "the highest stream", "Request",
                chat_body, message_length=len(e.join(e.chat("stream")))),
    ]


def wrong(frame, receiver, name, rule, error):
    raw = frame if isinstance(frame, bytes) else frame.bytes
    return {"name": name, "receiver": receiver, "rule": rule, "hex": raw.hex(), "error": error}


def invalid():
    request = e.message(e.chat("stream"))
    plain = e.join(request)
    block = e.lz4_block(plain)
    length = len(plain)

    def squeezed(content):
        return Frame("REQUEST", 3, content, ["compressed", "endStream"])

    vectors = [
        wrong(struct.pack(">II", 65537 << 8 | 3 | 0x40, 1), "server", "one byte above max_frame_bytes", "H1", "frame_too_large"),
        wrong(struct.pack(">II", 0xFFFFFF << 8 | 31, 1), "client", "the longest length, of an unknown type", "H1", "frame_too_large"),
        wrong(b"GET / HTTP/1.1\r\n\r\n", "server", "HTTP on this port", "H1", "frame_too_large"),
    ]
    for kind in ("WELCOME", "RESULT", "BEGIN", "DELTA", "END"):
        vectors.append(wrong(Frame(kind, 1 if kind != "WELCOME" else 0, b""), "server", f"{kind} from a client", "H2", "protocol_error"))
    for kind in ("HELLO", "REQUEST", "CANCEL"):
        vectors.append(wrong(Frame(kind, 0 if kind == "HELLO" else 1, b"", ["endStream"] if kind == "REQUEST" else []), "client",
                             f"{kind} from a server", "H2", "protocol_error"))
    for kind, receiver in (("HELLO", "server"), ("WELCOME", "client"), ("PING", "server"), ("PONG", "client"), ("GOAWAY", "client")):
        payload = e.OPAQUE if kind in ("PING", "PONG") else b""
        vectors.append(wrong(Frame(kind, 1, payload), receiver, f"{kind} on a stream", "H3", "protocol_error"))
    for kind, receiver in (("REQUEST", "server"), ("CANCEL", "server"), ("RESULT", "client"), ("BEGIN", "client"), ("DELTA", "client"), ("END", "client")):
        vectors.append(wrong(Frame(kind, 0, b"", ["endStream"] if kind == "REQUEST" else []), receiver, f"{kind} on stream 0", "H4", "protocol_error"))
    for kind, receiver, stream, flag, payload in (
            ("HELLO", "server", 0, "compressed", b""), ("WELCOME", "client", 0, "more", b""), ("RESULT", "client", 1, "endStream", b""),
            ("BEGIN", "client", 1, "compressed", b""), ("DELTA", "client", 1, "more", b""), ("DELTA", "client", 1, "endStream", b""),
            ("END", "client", 1, "endStream", b""), ("ERROR", "client", 1, "endStream", b""), ("CANCEL", "server", 1, "endStream", b""),
            ("CREDIT", "server", 0, "compressed", b"\0\0\0\1"), ("PING", "server", 0, "more", e.OPAQUE),
            ("PONG", "server", 0, "endStream", e.OPAQUE), ("GOAWAY", "server", 0, "more", b"")):
        vectors.append(wrong(Frame(kind, stream, payload, [flag]), receiver, f"{kind} with {flag}", "H5", "protocol_error"))
    vectors += [
        wrong(Frame("REQUEST", 3, request), "server", "REQUEST with neither more nor endStream", "H6", "protocol_error"),
        wrong(Frame("REQUEST", 3, request, ["more", "endStream"]), "server", "REQUEST with more and endStream", "H6", "protocol_error"),
        wrong(Frame("CREDIT", 0, b"\0\0\1"), "server", "CREDIT of 3 bytes", "H7", "protocol_error"),
        wrong(Frame("CREDIT", 0, b"\0\0\0\0\1"), "client", "CREDIT of 5 bytes", "H7", "protocol_error"),
        wrong(Frame("PING", 0, e.OPAQUE[:7]), "server", "PING of 7 bytes", "H7", "protocol_error"),
        wrong(Frame("PONG", 0, e.OPAQUE + b"\0"), "server", "PONG of 9 bytes", "H7", "protocol_error"),
        wrong(struct.pack(">II", 8193 << 8 | 9, 1), "server", "CANCEL of 8193 bytes", "H8", "frame_too_large"),
        wrong(struct.pack(">II", 8193 << 8 | 7, 1), "client", "END of 8193 bytes", "H8", "frame_too_large"),
        wrong(squeezed(b""), "server", "compressed without a length", "P2", "bad_compression"),
        wrong(squeezed(bytes([0x80 | length & 0x7F])), "server", "uncompressed length cut", "P2", "bad_compression"),
        wrong(squeezed(bytes([0x80 | length & 0x7F, length >> 7 | 0x80, 0]) + block), "server", "uncompressed length overlong", "P2", "bad_compression"),
        wrong(squeezed(b"\0"), "server", "uncompressed length 0", "P2", "bad_compression"),
        wrong(squeezed(e.varint(65537) + block), "server", "uncompressed length above max_frame_bytes", "P3", "frame_too_large"),
        wrong(squeezed(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" + block), "server", "uncompressed length of 2^64 - 1", "P3", "frame_too_large"),
        wrong(squeezed(e.varint(length - 1) + block), "server", "uncompressed length one short", "P4", "bad_compression"),
        wrong(squeezed(e.varint(length + 1) + block), "server", "uncompressed length one long", "P4", "bad_compression"),
        wrong(squeezed(e.varint(length) + block[:-1]), "server", "block cut", "P4", "bad_compression"),
        wrong(squeezed(e.varint(length) + block + b"\0"), "server", "block with a byte too many", "P4", "bad_compression"),
        wrong(squeezed(e.varint(20) + bytes([0x1F, 0x61, 0x00, 0x00, 0x00])), "server", "block with an offset of 0", "P4", "bad_compression"),
        wrong(squeezed(e.varint(20) + bytes([0x1F, 0x61, 0xFF, 0xFF, 0x00])), "server", "block with an offset before its beginning", "P4", "bad_compression"),
        wrong(Frame("CANCEL", 1, b"\x08"), "server", "CANCEL with a cut body", "P5", "protocol_error"),
        wrong(Frame("GOAWAY", 0, b"\x08\x01\x08\x01"), "client", "GOAWAY with a field twice", "P5", "protocol_error"),
        wrong(Frame("ERROR", 0, b"\x12\x01\xff"), "client", "ERROR with bad UTF-8", "P5", "protocol_error"),
        wrong(Frame("CREDIT", 0, e.credit(0)), "server", "CREDIT of 0", "P8", "protocol_error"),
        wrong(Frame("CREDIT", 0, e.credit(0x80000000)), "server", "CREDIT of 2^31", "P9", "flow_control_error"),
        wrong(Frame("CREDIT", 0, e.credit(0x7FFFFFFF)), "server", "CREDIT that makes a window of more than 2^31 - 1", "P10", "flow_control_error"),
        wrong(Frame("CREDIT", 1, e.credit(0x7FFFFFFF)), "server", "CREDIT that makes a stream's window too large", "P10", "flow_control_error"),
    ]
    return vectors
