#!/usr/bin/env python3
"""Writes protocol/vectors/messages/*.json with Google's protoc and Python library, not with the codec that they test.

usage: Scripts/generate-message-vectors.py [--check]

Needs protoc (Debian: protobuf-compiler) and the Python package protobuf. With --check nothing is written; the exit status is 1
if a file is out of date. protocol/vectors/messages/README.md says what is in a vector.
"""
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

root = pathlib.Path(__file__).resolve().parent.parent
folder = root / "protocol/vectors/messages"


def load_schema():
    with tempfile.TemporaryDirectory() as scratch:
        path = pathlib.Path(scratch) / "schema"
        subprocess.run(
            ["protoc", f"--proto_path={root / 'protocol'}", f"--descriptor_set_out={path}", "agentshield.proto"], check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"agentshield.v1.{name}"))


message_class = load_schema()


# ---- bytes by hand ----------------------------------------------------------------------------------------------------

def varint(value, padding=0):
    groups = []
    while value >= 0x80:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    if padding:
        groups[-1] |= 0x80
        groups += [0x80] * (padding - 1) + [0]
    return bytes(groups)


def tag(number, wire_type):
    return varint(number << 3 | wire_type)


def number(field, value):
    return tag(field, 0) + varint(value)


def block(field, content):
    content = content.encode() if isinstance(content, str) else content
    return tag(field, 2) + varint(len(content)) + content


def fixed32(field, content):
    return tag(field, 5) + content


def fixed64(field, content):
    return tag(field, 1) + content


def floats(*values):
    return struct.pack(f"<{len(values)}f", *values)


# ---- vectors ----------------------------------------------------------------------------------------------------------

def canonical(name, message, fields):
    """A message as every encoder must write it: ascending field numbers, nothing for defaults."""
    parsed = json_format.ParseDict(fields, message_class(message)())
    return vector(name, message, parsed.SerializeToString(deterministic=True), parsed, True)


def readable(name, message, data):
    """Bytes that every decoder must read, most of them such as no encoder writes."""
    parsed = message_class(message).FromString(data)
    parsed.DiscardUnknownFields()
    return vector(name, message, data, parsed, parsed.SerializeToString(deterministic=True) == data)


def vector(name, message, data, parsed, is_canonical):
    decoded = json_format.MessageToDict(parsed, preserving_proto_field_name=True)
    return {
        "name": name, "message": message, "hex": data.hex(), "valid": True, "canonical": is_canonical, "decoded": decoded}


def invalid(name, message, data, error, **more):
    return {"name": name, "message": message, "hex": data.hex(), "valid": False, "error": error} | more


limits = {
    "max_frame_bytes": 65536, "max_message_bytes": 8388608, "max_concurrent_streams": 256, "initial_stream_credit": 262144,
    "initial_connection_credit": 1048576, "idle_timeout_ms": 300000}

connection = [
    canonical("limits", "Limits", limits),
    canonical("no limits", "Limits", {}),
    canonical("hello", "Hello", {
        "min_version": 1, "max_version": 1, "limits": limits, "features": "5", "credential": "ask_test_0123456789",
        "agent": "agentshield-swift/1.0"}),
    canonical("hello with every feature bit", "Hello", {"min_version": 1, "max_version": 3, "features": "18446744073709551615"}),
    canonical("welcome", "Welcome", {
        "version": 1, "limits": limits, "features": "1", "region": "eu-central", "replica_id": "gw-7f", "server_version": "1.0.0"}),
    canonical("goaway", "GoAway", {"last_stream": 4294967295, "reason": "DRAIN", "drain_deadline_ms": 30000, "message": "restart"}),
    canonical("goaway with an unknown reason", "GoAway", {"last_stream": 41, "reason": 99}),
    canonical("cancel", "Cancel", {"reason": "DEADLINE_EXCEEDED"}),
    canonical("cancel with a negative reason", "Cancel", {"reason": -1}),
    canonical("error", "Error", {
        "code": 400, "message": "Too many requests.", "retryable": True, "retry_after_ms": 1500, "request_id": "req_01",
        "param": "chat.model"}),
    canonical("error with an unknown code", "Error", {"code": 4294967295}),
]

tool = {"name": "get_weather", "description": "The weather of a city.", "parameters_json": "eyJ0eXBlIjoib2JqZWN0In0=", "strict": True}
chat = {
    "model": "oai-small",
    "messages": [
        {"role": "SYSTEM", "parts": [{"text": "Be brief."}]},
        {"role": "USER", "name": "ann", "parts": [
            {"text": "¿Qué tiempo hace? 🌦"},
            {"image": {"url": "https://example.com/a.png", "media_type": "image/png", "detail": "low"}},
            {"file": {"data": "JVBERi0=", "media_type": "application/pdf", "filename": "a.pdf"}}]},
        {"role": "ASSISTANT", "parts": [{"reasoning": "Ask the tool."}], "tool_calls": [
            {"id": "call_1", "name": "get_weather", "arguments": "{\"city\":"}]},
        {"role": "TOOL", "tool_call_id": "call_1", "parts": [{"text": ""}]}],
    "stream": True, "max_output_tokens": 256, "temperature": 0.0, "top_p": 0.95, "stop": ["END", ""], "choices": 1,
    "tools": [tool], "tool_choice": {"mode": "NAMED", "name": "get_weather"}, "parallel_tool_calls": False,
    "response_format": {
        "kind": "JSON_SCHEMA", "name": "answer", "description": "An answer.", "schema_json": "e30=", "strict": False},
    "seed": "-9223372036854775808", "reasoning_effort": "low", "extra_json": "eyJsb2dpdF9iaWFzIjp7fX0="}

requests = [
    canonical("chat request with every field", "Request", {
        "deadline_ms": 30000, "idempotency_key": "idem-1", "resumable": True, "end_user": "u-17", "credential": "ask_other",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "a=b", "cache": "CACHE_REFRESH",
        "route": "support", "cache_ttl_ms": 3600000, "chat": chat}),
    canonical("embeddings request", "Request", {
        "embeddings": {"model": "embed", "input": ["a", "", "b"], "dimensions": 0, "extra_json": "e30="}}),
    canonical("models request for all", "Request", {"models": {}}),
    canonical("models request for one", "Request", {"cache": "CACHE_OFF", "models": {"id": "oai-small"}}),
    canonical("feedback request", "Request", {"feedback": {"receipt_id": "r-1", "score": 0.25, "comment": "ok"}}),
    canonical("resume request", "Request", {"resume": {"response_id": "resp-1", "last_sequence": "300"}}),
    canonical("request without an operation", "Request", {"deadline_ms": 1}),
    readable("request with an operation of a later version", "Request", number(1, 5) + block(21, number(1, 1))),
    canonical("unknown cache directive", "Request", {"cache": 77, "models": {}}),
    canonical("chat request", "ChatRequest", chat),
    canonical("chat request with optional fields at zero", "ChatRequest", {
        "max_output_tokens": 0, "temperature": 0.0, "top_p": 0.0, "choices": 0, "parallel_tool_calls": False, "seed": "0"}),
    canonical("message without parts", "Message", {"role": "DEVELOPER"}),
    canonical("refusal part", "Part", {"refusal": "No."}),
    canonical("empty text part", "Part", {"text": ""}),
    canonical("part without content", "Part", {}),
    canonical("audio part", "Part", {"audio": {"data": "AAEC", "media_type": "audio/wav"}}),
    canonical("provider block part", "Part", {
        "provider_block": {"provider": "anthropic", "type": "thinking", "data": "//79AA=="}}),
    canonical("media with neither url nor data", "Media", {"media_type": "image/png"}),
    canonical("media with empty data", "Media", {"data": ""}),
    canonical("provider block", "ProviderBlock", {"provider": "p", "type": "t", "data": "AA=="}),
    canonical("tool call", "ToolCall", {"id": "c", "name": "f", "arguments": "{}"}),
    canonical("tool", "Tool", tool),
    canonical("tool choice", "ToolChoice", {"mode": "REQUIRED"}),
    canonical("response format", "ResponseFormat", {"kind": "JSON_OBJECT"}),
    canonical("embeddings request alone", "EmbeddingsRequest", {"model": "m", "input": ["x"], "dimensions": 256}),
    canonical("models request alone", "ModelsRequest", {"id": "x"}),
    canonical("negative zero is not the default", "FeedbackRequest", {"score": -0.0}),
    canonical("score that is no number", "FeedbackRequest", {"score": "NaN"}),
    canonical("resume request alone", "ResumeRequest", {"response_id": "r", "last_sequence": "18446744073709551615"}),
]

answers = [
    canonical("begin", "Begin", {
        "response_id": "resp-1", "model": "gpt-4o-mini-2024-07-18", "provider": "openai", "cache": "COALESCED", "request_id": "req-1",
        "created": "1735689600"}),
    canonical("text delta", "Delta", {"sequence": "1", "kind": "TEXT_ITEM", "data": "SGk="}),
    canonical("tool call delta", "Delta", {
        "sequence": "18446744073709551615", "choice": 1, "item": 2, "kind": "TOOL_CALL_ITEM", "id": "call_1", "name": "get_weather",
        "data": "e30=", "padding": "AAAAAAAA"}),
    canonical("chat result", "Result", {"chat": {"choices": [
        {"items": [{"kind": "REASONING_ITEM", "data": "Li4u"}, {"kind": "TEXT_ITEM", "data": "SGk="}]},
        {"index": 1, "items": [{"kind": "TOOL_CALL_ITEM", "id": "c", "name": "f", "data": "e30="}]}]}}),
    canonical("embeddings result", "Result", {"embeddings": {"embeddings": [
        {"values": [0.25, -1.5, 3.0]}, {"index": 1, "values": ["Infinity", "-Infinity", "NaN"]}, {"index": 2}]}}),
    canonical("models result", "Result", {"models": {"models": [{"id": "a", "owned_by": "o", "created": "1"}, {}]}}),
    canonical("feedback result", "Result", {"feedback": {"accepted": True}}),
    canonical("result without a body", "Result", {}),
    canonical("chat result alone", "ChatResult", {"choices": [{}]}),
    canonical("choice", "Choice", {"index": 3, "items": [{}]}),
    canonical("item", "Item", {"kind": "REFUSAL_ITEM", "data": "Tm8u"}),
    canonical("embeddings result alone", "EmbeddingsResult", {"embeddings": [{"index": 1}]}),
    canonical("embedding", "Embedding", {"index": 1, "values": [0.1, 1e-45]}),
    canonical("models result alone", "ModelsResult", {"models": [{"id": "m"}]}),
    canonical("model", "Model", {"id": "m", "owned_by": "openai", "created": "1700000000"}),
    canonical("feedback result alone", "FeedbackResult", {"accepted": True}),
    canonical("end", "End", {
        "finishes": [{"reason": "STOP", "provider_reason": "stop"}, {"choice": 1, "reason": "LENGTH"}],
        "usage": {"input": "900", "cache_read": "100", "cache_write": "7", "output": "42", "reasoning": "18446744073709551615"},
        "cost_nano_usd": "123456789", "estimated": True, "scrubbed": [{"kind": "email", "count": 2}, {"kind": "iban", "count": 1}],
        "timings": [{"phase": "authenticate", "microseconds": 3}, {"phase": "call", "microseconds": 412000}], "receipt_id": "rc-1",
        "route_reason": "alias", "attempts": 2,
        "limits": [{"measure": "REQUESTS", "limit": "60", "remaining": "59", "reset_ms": 1000}, {"measure": "TOKENS", "limit": "100000"}]}),
    canonical("finish", "Finish", {"reason": "CONTENT_FILTER", "provider_reason": "content_filter"}),
    canonical("usage", "Usage", {"input": "1", "output": "2"}),
    canonical("scrub count", "ScrubCount", {"kind": "card", "count": 1}),
    canonical("phase timing", "PhaseTiming", {"phase": "scrub", "microseconds": 61}),
    canonical("limit status", "LimitStatus", {"measure": "TOKENS", "limit": "18446744073709551615", "remaining": "1", "reset_ms": 86400000}),
]

lenient = [
    readable("fields in another order", "ToolCall", block(3, "{}") + block(1, "c") + block(2, "f")),
    readable("defaults written out", "Error", number(1, 0) + block(2, "") + number(3, 0) + block(5, "")),
    readable("unknown varint", "Cancel", number(2, 2**64 - 1) + number(1, 1)),
    readable("unknown 64-bit number", "Cancel", fixed64(15, b"\xff" * 8) + number(1, 1)),
    readable("unknown bytes", "Cancel", number(1, 1) + block(16, b"\xff\x00")),
    readable("unknown 32-bit number", "Cancel", number(1, 1) + fixed32(3, b"\xff" * 4)),
    readable("unknown field twice", "Cancel", number(2, 1) + number(2, 1) + number(1, 1)),
    readable("unknown field with the highest number", "Cancel", number(2**29 - 1, 0)),
    readable("unknown field in an inner message", "ChatResult", block(1, block(9, "x") + number(1, 4))),
    readable("floats one by one", "Embedding", b"".join(fixed32(2, floats(x)) for x in (1, -2.5, 0))),
    readable("floats packed and one by one", "Embedding", block(2, floats(1, 2)) + fixed32(2, floats(3)) + block(2, floats(4))),
    readable("floats packed, none", "Embedding", block(2, b"")),
    readable("repeated field not in one run", "EmbeddingsRequest", block(2, "a") + block(1, "m") + block(2, "b")),
    readable("NUL in a string", "ModelsRequest", block(1, "a\0b")),
    readable("first and last scalar of each UTF-8 length", "ModelsRequest", block(
        1, "\x7f\u0080\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff")),
    readable("as many elements as the limit", "Choice", block(2, b"") * 4) | {"element_limit": 4},
    readable("floats do not count as elements", "Embedding", block(2, floats(1, 2, 3)) + fixed32(2, floats(4))) | {"element_limit": 0},
]

deep = block(16, block(2, block(2, block(3, block(3, b"\xff")))))  # chat.messages.parts.image.media_type

malformed = [
    invalid("tag cut", "Cancel", b"\x88", "truncated"),
    invalid("tag without a value", "Cancel", tag(1, 0), "truncated"),
    invalid("varint cut", "Cancel", tag(1, 0) + b"\x80", "truncated"),
    invalid("64-bit number cut", "FeedbackRequest", fixed64(2, b"\0" * 7), "truncated"),
    invalid("32-bit number cut", "Embedding", fixed32(2, b"\0" * 3), "truncated"),
    invalid("string without a length", "ModelsRequest", tag(1, 2), "truncated"),
    invalid("string cut", "ModelsRequest", tag(1, 2) + b"\x03ab", "truncated"),
    invalid("length of 2^63", "ModelsRequest", tag(1, 2) + varint(2**63) + b"ab", "truncated"),
    invalid("length of 2^64 - 1 of an unknown field", "Cancel", tag(9, 2) + varint(2**64 - 1), "truncated"),
    invalid("string that passes the end of its message", "ChatResult", block(1, block(2, tag(2, 2) + b"\x05ab")) + b"cdef", "truncated"),
    invalid("varint that passes the end of its message", "ChatResult", block(1, tag(1, 0) + b"\x80") + b"\x01", "truncated"),
    invalid("packed floats with a part of one", "Embedding", block(2, floats(1) + b"\0\0"), "truncated"),
    invalid("unknown 64-bit number cut", "Cancel", fixed64(9, b"\0\0"), "truncated"),
    invalid("unknown 32-bit number cut", "Cancel", fixed32(9, b"\0\0"), "truncated"),
    invalid("value one byte too long", "Cancel", tag(1, 0) + varint(1, padding=1), "overlong_varint"),
    invalid("zero in two bytes", "Cancel", tag(1, 0) + b"\x80\x00", "overlong_varint"),
    invalid("tag one byte too long", "Cancel", varint(1 << 3, padding=1) + b"\x01", "overlong_varint"),
    invalid("length one byte too long", "ModelsRequest", tag(1, 2) + varint(1, padding=1) + b"a", "overlong_varint"),
    invalid("value padded to ten bytes", "Cancel", tag(1, 0) + varint(1, padding=9), "overlong_varint"),
    invalid("unknown value one byte too long", "Cancel", tag(9, 0) + varint(1, padding=1), "overlong_varint"),
    invalid("varint of 65 bits", "ResumeRequest", tag(2, 0) + b"\xff" * 9 + b"\x02", "varint_overflow"),
    invalid("varint of eleven bytes", "ResumeRequest", tag(2, 0) + b"\xff" * 10 + b"\x01", "varint_overflow"),
    invalid("unknown varint of eleven bytes", "Cancel", tag(9, 0) + b"\xff" * 10 + b"\x01", "varint_overflow"),
    invalid("field number 0", "Cancel", number(0, 1), "invalid_field_number"),
    invalid("field number 2^29", "Cancel", number(2**29, 1), "invalid_field_number"),
    invalid("tag of 64 bits", "Cancel", varint(2**64 - 8) + b"\x01", "invalid_field_number"),
    invalid("group", "Cancel", tag(9, 3) + tag(9, 4), "invalid_wire_type"),
    invalid("end of a group", "Cancel", tag(9, 4), "invalid_wire_type"),
    invalid("group in place of a known field", "ChatResult", tag(1, 3) + tag(1, 4), "invalid_wire_type"),
    invalid("wire type 6", "Cancel", tag(9, 6) + b"\x00", "invalid_wire_type"),
    invalid("wire type 7", "Cancel", tag(1, 7) + b"\x00", "invalid_wire_type"),
    invalid("number where a string belongs", "ModelsRequest", number(1, 1), "wrong_wire_type"),
    invalid("string where a number belongs", "Cancel", block(1, "a"), "wrong_wire_type"),
    invalid("number where a message belongs", "ChatResult", number(1, 1), "wrong_wire_type"),
    invalid("32-bit number where a 64-bit one belongs", "FeedbackRequest", fixed32(2, floats(1)), "wrong_wire_type"),
    invalid("varint where floats belong", "Embedding", number(2, 1), "wrong_wire_type"),
    invalid("packed numbers where one belongs", "Limits", block(1, b"\x01"), "wrong_wire_type"),
    invalid("number twice", "Cancel", number(1, 1) + number(1, 1), "repeated_field"),
    invalid("number twice, first the default", "Cancel", number(1, 0) + number(1, 1), "repeated_field"),
    invalid("string twice, apart", "ToolCall", block(1, "a") + block(2, "f") + block(1, "a"), "repeated_field"),
    invalid("optional number twice", "ChatRequest", number(4, 1) + number(4, 2), "repeated_field"),
    invalid("message in two halves", "Hello", block(3, number(1, 1)) + block(3, number(2, 1)), "repeated_field"),
    invalid("same member of a oneof twice", "Part", block(1, "a") + block(1, "b"), "repeated_field"),
    invalid("two members of a oneof", "Part", block(1, "a") + block(2, "b"), "repeated_oneof"),
    invalid("two operations", "Request", block(18, b"") + number(1, 1) + block(16, b""), "repeated_oneof"),
    invalid("two sources", "Media", block(1, "") + block(2, b""), "repeated_oneof"),
    invalid("two bodies", "Result", block(1, b"") + block(4, b""), "repeated_oneof"),
    invalid("byte that is never UTF-8", "ModelsRequest", block(1, b"a\xffb"), "invalid_utf8"),
    invalid("lone continuation byte", "ModelsRequest", block(1, b"\x80"), "invalid_utf8"),
    invalid("overlong slash", "ModelsRequest", block(1, b"\xc0\xaf"), "invalid_utf8"),
    invalid("overlong scalar of three bytes", "ModelsRequest", block(1, b"\xe0\x9f\xbf"), "invalid_utf8"),
    invalid("overlong scalar of four bytes", "ModelsRequest", block(1, b"\xf0\x8f\xbf\xbf"), "invalid_utf8"),
    invalid("surrogate", "ModelsRequest", block(1, b"\xed\xa0\x80"), "invalid_utf8"),
    invalid("scalar above U+10FFFF", "ModelsRequest", block(1, b"\xf4\x90\x80\x80"), "invalid_utf8"),
    invalid("scalar cut at the end of the string", "ModelsRequest", block(1, b"12345678\xe2\x82") + block(2, b"\xac"), "invalid_utf8"),
    invalid("bad UTF-8 in an element", "EmbeddingsRequest", block(2, "a") + block(2, b"\xc3"), "invalid_utf8"),
    invalid("bad UTF-8 five messages deep", "Request", deep, "invalid_utf8"),
    invalid("uint32 of 2^32", "Limits", number(1, 2**32), "value_out_of_range"),
    invalid("uint32 of -1 as 64 bits", "Delta", number(2, 2**64 - 1), "value_out_of_range"),
    invalid("error code of 2^32", "Error", number(1, 2**32), "value_out_of_range"),
    invalid("bool of 2", "FeedbackResult", number(1, 2), "value_out_of_range"),
    invalid("optional bool of 2^32", "Tool", number(4, 2**32), "value_out_of_range"),
    invalid("enum of 2^31", "Cancel", number(1, 2**31), "value_out_of_range"),
    invalid("enum of -2^31 - 1", "Cancel", number(1, 2**64 - 2**31 - 1), "value_out_of_range"),
    invalid("one element over the limit", "Choice", block(2, b"") * 5, "too_many_elements", element_limit=4),
    invalid("elements in inner messages count", "Result", block(1, block(1, block(2, b"") * 2) * 2), "too_many_elements", element_limit=5),
]


def main():
    files = {
        "connection.json": connection, "requests.json": requests, "answers.json": answers, "lenient.json": lenient,
        "malformed.json": malformed}
    stale = []
    for file, vectors in files.items():
        text = json.dumps(vectors, indent=2, ensure_ascii=False) + "\n"
        path = folder / file
        if not path.exists() or path.read_text() != text:
            stale.append(file)
            if "--check" not in sys.argv:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
    if stale and "--check" in sys.argv:
        sys.exit(f"out of date: {', '.join(stale)}")


main()
