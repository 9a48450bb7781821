#!/usr/bin/env python3
"""Writes the fuzzers' first inputs: protocol/vectors in the form that each fuzzer reads, and a few texts and documents.

usage: Tests/Fuzz/seeds.py FOLDER

Makes FOLDER/<fuzzer>/<number> for every fuzzer.
"""
import gzip
import json
import pathlib
import sys

root = pathlib.Path(__file__).resolve().parent.parent.parent
# Frame types, as in SPEC.md's frame table, by the name of the message that they carry.
FRAME_TYPES = {
    "Hello": 1, "Welcome": 2, "Request": 3, "Result": 4, "Begin": 5, "Delta": 6, "End": 7, "Error": 8, "Cancel": 9, "GoAway": 13,
}
FRAMED, TIME_PASSES = 2, 4  # FuzzPeer's PeerOptions
LONGEST = 4000


def vectors(folder):
    for path in sorted((root / "protocol/vectors" / folder).glob("*.json")):
        yield from json.loads(path.read_text())


def message_seeds():
    for vector in vectors("messages"):
        body = bytes.fromhex(vector["hex"])
        if vector["message"] in FRAME_TYPES and len(body) < LONGEST:
            yield bytes([FRAME_TYPES[vector["message"]]]) + body


def records(stream):
    """The frames of a byte stream in the form of the option FRAMED; None if they do not fit it."""
    found = b""
    while stream:
        length, kind, number = int.from_bytes(stream[:3], "big"), stream[3:4], int.from_bytes(stream[4:8], "big")
        if len(stream) < 8 + length or length > 0xFFFF or number > 0xFF:
            return None
        found += kind + bytes([number]) + length.to_bytes(2, "big") + stream[8:8 + length]
        stream = stream[8 + length:]
    return found


def connection_seeds(side):
    """What the other side sends in each conversation and in each frame vector, as bytes and as records, in no time and over some."""
    peer = {"server": "client", "client": "server"}[side]
    streams = [
        b"".join(bytes.fromhex(step["hex"]) * min(step.get("times", 1), 20) for step in vector["steps"] if step.get("from") == peer and "hex" in step)
        for vector in vectors("conversations") if vector["under_test"] == side
    ]
    streams += [bytes.fromhex(vector["hex"]) for vector in vectors("frames") if vector["receiver"] == side]
    for stream in streams:
        if not 0 < len(stream) < LONGEST:
            continue
        yield bytes([0, 7]) + stream
        yield bytes([TIME_PASSES, 7]) + stream
        framed = records(stream)
        if framed:
            yield bytes([FRAMED, 7]) + framed


JSON_SEEDS = [
    '{"model":"gpt-4o","messages":[{"role":"user","content":"hi \\u00e9\\n\\ud83d\\ude00"}],"stream":true,"temperature":0.7}',
    '[1,-0,1.5e-10,123456789012345678901234567890,1e308,0.1,9223372036854775807,true,false,null,"",{},[]]',
    '{"\\u0063ontent":1,"content":2}', '"\\"\\\\\\/\\b\\f\\n\\r\\t"', ' [ 1 , 2 ] ', "[" * 130 + "]" * 130, '{"a":{"b":[{"c":[]}]}}',
    '"\\ud800"', "01", "1.", "-", "nul", '{"a":1,}', "[1 2]", '"\u00f1\u4e2d\U0001f600"', "\ufeff1", "1e999", "{", '"',
]

TEXT_SEEDS = [
    "Write to ana@example.com or b.c+d@mail.example.org; card 4111 1111 1111 1111, IBAN ES91 2100 0418 4502 0005 1332.",
    "DNI 12345678Z, NIE X1234567L, host 192.168.10.20, key sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD.",
    "I typed <EMAIL_1> and EMAIL_1 and <CARD_12>, `<EMAIL_1>` and [a](https://x.example/<EMAIL_1>?q=ana@example.com)",
    "```\nana@example.com\n```\n<a href='ana@example.com'>x</a> **ana@example.com** (ana@example.com)", "a@b 1.2.3.4 4111111111111112",
    "\u00bfd\u00f3nde est\u00e1 jos\u00e9@ejemplo.es?", "@.@.@ .. -- <<<EMAIL_ EMAIL_0 <EMAIL_01> <EMAIL_99999999999999999999>", "es9121000418450200051332",
]


def proxy_header_seeds():
    signature = bytes.fromhex("0d0a0d0a000d0a515549540a")
    ipv4 = bytes([192, 0, 2, 7, 198, 51, 100, 1, 0xC0, 0, 0x20, 0xFB])
    ipv6 = bytes.fromhex("20010db8" + "00" * 11 + "07") * 2 + ipv4[8:]
    blocks = [
        (0x21, 0x11, ipv4), (0x21, 0x21, ipv6), (0x20, 0x00, b""), (0x21, 0x31, bytes(216)), (0x21, 0x11, ipv4 + bytes([2, 0, 3]) + b"abc"),
        # A checksum of zeros is wrong, which the search may mend.
        (0x21, 0x11, ipv4 + bytes([3, 0, 4, 0, 0, 0, 0])), (0x21, 0x12, ipv4), (0x21, 0x11, ipv4[:8]), (0x31, 0x11, ipv4),
    ]
    for command, family, block in blocks:
        yield signature + bytes([command, family]) + len(block).to_bytes(2, "big") + block + b"hello"
    yield b"PROXY TCP4 192.0.2.7 198.51.100.1 49152 8443\r\n"
    yield b"GET / HTTP/1.1\r\n\r\n"


SSE_SEEDS = [
    b'data: {"a":1}\n\ndata: [DONE]\n\n', b"event: message_start\ndata: {}\n\n", b"\xef\xbb\xbfdata:x\r\ndata: y\r\rid: 1\nretry: 5\n\n",
    b": comment\ndata\n\ndatabase: x\nevent\n\n", b"data: a\x01b\n\n", b"data: " + b"x" * 300 + b"\n\n", b"data: one\nevent: a\nevent: b\ndata:  two\n\ndata: cut",
]


def answer_seeds():
    """Answers of each dialect in the order of `Dialect`: twice its place, and 1 for a stream; then the seed of the cuts."""
    def events(*datas, names=None):
        return "".join((f"event: {name}\n" if name else "") + f"data: {data}\n\n" for name, data in zip(names or [None] * len(datas), datas))

    tool = '{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":"{\\"a\\":1}"}}'
    yield 0, '{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"x","reasoning":"r","reasoning_details":[{"text":"r"}],"tool_calls":[' + tool + ']},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}'
    yield 1, events(
        '{"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}', '{"id":"c","choices":[{"index":0,"delta":{"content":"x","tool_calls":[' + tool + "]}}]}",
        '{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}', '{"id":"c","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}', "[DONE]")
    blocks = '{"type":"thinking","thinking":"h","signature":"s"},{"type":"text","text":"x","citations":[{"cited_text":"q","title":"t"}]},{"type":"tool_use","id":"t","name":"f","input":{"a":1}}'
    yield 2, '{"type":"message","content":[' + blocks + '],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":2}}'
    messages = [
        '{"type":"message_start","message":{"usage":{"input_tokens":1}}}', '{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}',
        '{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"h"}}', '{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}',
        '{"type":"content_block_stop","index":0}', '{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}',
        '{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{}"}}', '{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":5}}',
        '{"type":"message_stop"}',
    ]
    yield 3, events(*messages, names=[json.loads(message)["type"] for message in messages])
    lines = [
        '{"model":"m","created_at":"t","message":{"role":"assistant","content":"","thinking":"h"},"done":false}',
        '{"model":"m","message":{"role":"assistant","content":"x","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},"done":false}',
        '{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":1,"eval_count":2}',
    ]
    yield 4, lines[1].replace("false", "true")
    yield 5, "\n".join(lines) + "\r\n"
    yield 5, lines[0] + '\n{"error":"no"}\n'
    parts = '{"text":"h","thought":true},{"text":"x","thoughtSignature":"s"},{"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"s"}'
    google = '{"candidates":[{"content":{"parts":[' + parts + '],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":3}}'
    yield 6, google
    yield 10, '{"id":"c","choices":[{"text":"x","index":0,"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}'
    yield 11, events('{"id":"c","choices":[{"text":"x","index":0}]}', '{"id":"c","choices":[{"text":"","index":0,"finish_reason":"length"}]}', "[DONE]")
    # Embeddings and counts of tokens.
    yield 0xC0, '{"object":"list","data":[{"index":0,"embedding":[0.5,1]},{"index":1,"embedding":"AACAPwAAgD8="}],"usage":{"prompt_tokens":2}}'
    yield 0xC4, '{"model":"m","embeddings":[[0.5,1e-3],[2,3]],"prompt_eval_count":2}'
    yield 0xC6, '{"embeddings":[{"values":[0.5,1]},{"values":[2,3]}]}'
    yield 0xE6, '{"input_tokens":7}'
    yield 0xEA, '{"totalTokens":7}'
    yield 7, events(google.replace(',"finishReason":"STOP"', ""), google, '{"promptFeedback":{"blockReason":"SAFETY"}}', '{"error":{"code":503,"message":"m"}}')


REQUEST_SEEDS = [
    # The caller's dialect and the operation, in the order of FuzzRequests, then a body.
    (0, {"model": "m", "stream": True, "seed": 1, "max_tokens": 2000, "temperature": 0.5, "stop": ["a"], "n": 1, "user": "ana@example.com",
         "metadata": {"user_id": "u"}, "reasoning_effort": "low", "parallel_tool_calls": False, "logprobs": True, "top_logprobs": 2,
         "tool_choice": {"type": "function", "function": {"name": "f"}},
         "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": True}}],
         "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
         "messages": [
             {"role": "system", "content": "s"},
             {"role": "user", "content": [
                 {"type": "text", "text": "Hi"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                 {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}}]},
             {"role": "assistant", "content": None, "thinking_blocks": [{"type": "thinking", "thinking": "h", "signature": "s"}],
              "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}]},
             {"role": "tool", "tool_call_id": "c", "content": "r"}]}),
    (0, {"model": "m", "functions": [{"name": "f"}], "function_call": {"name": "f"}, "messages": [{"role": "user", "content": "Hi"}]}),
    (1, {"model": "m", "prompt": ["a", "b"], "max_tokens": 5, "logprobs": 1, "echo": True, "suffix": "s", "stream": True}),
    (2, {"model": "m", "instructions": "i", "stream": True, "max_output_tokens": 9, "reasoning": {"effort": "low", "summary": "auto"},
         "text": {"format": {"type": "json_schema", "name": "n", "schema": {}}}, "include": ["reasoning.encrypted_content"], "store": False,
         "tools": [{"type": "function", "name": "f", "parameters": {}}, {"type": "custom", "name": "g"}], "tool_choice": "auto",
         "input": [
             {"role": "user", "content": [{"type": "input_text", "text": "x"}, {"type": "input_image", "image_url": "https://x.example/i"}]},
             {"type": "reasoning", "summary": [], "encrypted_content": "AAAA"}, {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
             {"type": "function_call_output", "call_id": "c", "output": "r"}, {"type": "custom_tool_call", "call_id": "d", "name": "g", "input": "i"},
             {"type": "custom_tool_call_output", "call_id": "d", "output": "r"}]}),
    (3, {"model": "m", "max_tokens": 100, "stream": True, "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
         "top_k": 1, "metadata": {"user_id": "u"}, "thinking": {"type": "enabled", "budget_tokens": 2000}, "stop_sequences": ["a"],
         "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {}}},
         "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True}, "tools": [{"name": "f", "input_schema": {"type": "object"}}],
         "messages": [
             {"role": "user", "content": [
                 {"type": "text", "text": "Hi"}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                 {"type": "document", "source": {"type": "text", "data": "d"}}]},
             {"role": "assistant", "content": [
                 {"type": "thinking", "thinking": "h", "signature": "s"}, {"type": "redacted_thinking", "data": "AAAA"}, {"type": "text", "text": "t"},
                 {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}}]},
             {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "is_error": True, "content": [{"type": "text", "text": "r"}]}]}]}),
    (4, {"model": "m", "system": "s", "messages": [{"role": "user", "content": "Hi"}], "tools": [{"name": "f", "input_schema": {}}]}),
    (5, {"model": "m", "input": ["a", "b"], "encoding_format": "base64", "dimensions": 2}),
]


def request_seeds():
    for surface, body in REQUEST_SEEDS:
        for target in range(4):
            # Every field is tried both ways: refused by its name, and left out.
            yield bytes([surface, target]) + json.dumps(body).encode()
            yield bytes([surface, target | 12]) + json.dumps(body).encode()


def http1_seeds():
    post = b"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nx-api-key: sk-good\r\n"
    yield b"GET /healthz HTTP/1.1\r\nhost: g\r\n\r\n"
    yield b"GET /v1/models?limit=1&after_id=fast HTTP/1.1\r\nhost: g\r\nanthropic-version: 2023-06-01\r\nx-api-key: sk-good\r\n\r\n"
    yield b"HEAD /v1/models/gpt-4o HTTP/1.0\r\nauthorization: Bearer sk-good\r\n\r\n" + b"OPTIONS * HTTP/1.1\r\nhost: g\r\n\r\n"
    yield post + b"content-length: 2\r\n\r\n{}" + post + b"connection: close\r\ncontent-length: 2\r\n\r\n{}"
    yield post + b"te: trailers\r\ntransfer-encoding: chunked\r\n\r\n1;a=b\r\n{\r\n1\r\n}\r\n0\r\nx: y\r\n\r\n"
    yield post + b"expect: 100-continue\r\ncontent-length: 2\r\n\r\n{}"
    packed = gzip.compress(b"{}", mtime=0)
    yield post + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed) + packed
    yield post + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    score = b'{"receipt_id":"req_00000000000000000000000000000001","score":0.5}'
    yield b"POST /v1/feedback HTTP/1.1\r\nhost: g\r\nx-api-key: sk-good\r\ncontent-length: %d\r\n\r\n" % len(score) + score
    yield b"POST /v1/messages?beta=true HTTP/1.1\r\nhost: g\r\nx-api-key: sk-stored\r\nanthropic-beta: a\r\ncontent-length: 2\r\n\r\n{}"
    yield (b"GET /agentshield/v1 HTTP/1.1\r\nhost: g\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
           b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-protocol: agentshield.v1\r\n\r\nhello")


def http2_record(kind, flags, stream, payload):
    return bytes([kind, flags, stream]) + len(payload).to_bytes(2, "big") + payload


def http2_head(method, path, *more):
    """A head in HPACK, each field a literal that is not indexed."""
    fields = [(":method", method), (":scheme", "https"), (":path", path), (":authority", "g"), ("x-api-key", "sk-good"), *more]
    return b"".join(b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode() for name, value in fields)


def http2_seeds():
    data, headers, priority, reset, settings, ping, go_away, window, continuation = 0, 1, 2, 3, 4, 6, 7, 8, 9
    post = http2_head("POST", "/v1/chat/completions")
    yield http2_record(headers, 5, 1, http2_head("GET", "/v1/models"))
    yield http2_record(headers, 4, 1, post) + http2_record(data, 1, 1, b"{}")
    yield http2_record(headers, 4, 1, http2_head("POST", "/v1/responses", ("content-length", "2"))) + http2_record(data, 1, 1, b"{}")
    yield http2_record(headers, 0, 1, post[:20]) + http2_record(continuation, 4, 1, post[20:]) + http2_record(data, 1, 1, b"{}")
    yield http2_record(headers, 4, 1, post) + http2_record(reset, 0, 1, bytes([0, 0, 0, 8])) + http2_record(headers, 5, 3, post)
    yield http2_record(settings, 0, 0, bytes([0, 4, 0, 0, 0, 1])) + http2_record(headers, 5, 1, http2_head("GET", "/healthz"))
    yield http2_record(ping, 0, 0, bytes(8)) * 3 + http2_record(window, 0, 0, bytes([0, 0, 1, 0])) + http2_record(priority, 0, 5, bytes(5))
    yield http2_record(go_away, 0, 0, bytes(8)) + http2_record(0x20, 0, 0, b"unknown")


def socket_frame(first, payload):
    """One of a client's frames, whose mask changes nothing."""
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else bytes([0xFE]) + len(payload).to_bytes(2, "big")
    return bytes([first]) + length + bytes(4) + payload


def socket_seeds():
    create = json.dumps({"type": "response.create", "model": "gpt-4o", "input": "Hi"}).encode()
    yield socket_frame(0x81, create) * 2
    yield socket_frame(0x01, create[:9]) + socket_frame(0x89, b"ping") + socket_frame(0x80, create[9:]) + socket_frame(0x88, b"\x03\xe8")
    yield socket_frame(0x81, json.dumps({"type": "response.create", "previous_response_id": "resp_1", "input": []}).encode())
    yield socket_frame(0x82, b"binary")
    yield socket_frame(0x81, b'{"type":"other"}') + b"\x81\x02{}"


def door_seeds():
    """FuzzHTTP's: how the connection speaks and how it is answered, the seed of the cuts, bytes."""
    for speech, seeds in enumerate([list(http1_seeds()), list(http1_seeds()), list(http2_seeds()), list(socket_seeds())]):
        for number, seed in enumerate(seeds):
            yield bytes([speech | number % 4 << 2, 7]) + seed
        yield bytes([speech | 16, 7]) + seeds[0]


def main(folder):
    seeds = {
        "FuzzMessages": message_seeds(),
        "FuzzServer": connection_seeds("server"),
        "FuzzClient": connection_seeds("client"),
        "FuzzJSON": [text.encode() for text in JSON_SEEDS],
        "FuzzScrubbing": [bytes([7]) + text.encode() for text in TEXT_SEEDS],
        "FuzzSSE": [bytes([7]) + text for text in SSE_SEEDS],
        "FuzzAnswers": [bytes([choice, 7]) + text.encode() for choice, text in answer_seeds()],
        "FuzzProxyHeader": [bytes([7]) + data for data in proxy_header_seeds()],
        "FuzzRequests": request_seeds(),
        "FuzzHTTP": door_seeds(),
    }
    for fuzzer, inputs in seeds.items():
        target = folder / fuzzer
        target.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(inputs):
            (target / f"{number:03}").write_bytes(data)


if len(sys.argv) != 2:
    sys.exit(__doc__)
main(pathlib.Path(sys.argv[1]))
