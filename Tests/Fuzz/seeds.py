#!/usr/bin/env python3
"""Writes the fuzzers' first inputs: protocol/vectors in the form that each fuzzer reads, and a few texts and documents.

usage: Tests/Fuzz/seeds.py FOLDER

Makes FOLDER/<fuzzer>/<number> for every fuzzer.
"""
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
    }
    for fuzzer, inputs in seeds.items():
        target = folder / fuzzer
        target.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(inputs):
            (target / f"{number:03}").write_bytes(data)


if len(sys.argv) != 2:
    sys.exit(__doc__)
main(pathlib.Path(sys.argv[1]))
