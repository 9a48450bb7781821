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
CREDIT, PING, PONG = 10, 11, 12
END_STREAM, MORE = 0x40, 0x80
AFTER_HANDSHAKE, FRAMED, TIME_PASSES = 1, 2, 4


def vectors(folder):
    for path in sorted((root / "protocol/vectors" / folder).glob("*.json")):
        yield from json.loads(path.read_text())


def body(vector):
    return bytes.fromhex(vector["hex"])


def messages():
    """Bodies by message name: every vector, and the right ones alone."""
    every, right = {}, {}
    for vector in vectors("messages"):
        name = vector["message"]
        if name in FRAME_TYPES and len(body(vector)) < 4000:
            every.setdefault(name, []).append(body(vector))
            if vector["valid"]:
                right.setdefault(name, []).append(body(vector))
    return every, right


def record(kind, stream, payload):
    return bytes([kind, stream]) + len(payload).to_bytes(2, "big") + payload


def frame(kind, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind]) + stream.to_bytes(4, "big") + payload


def prefixed(message):
    """A REQUEST or RESULT: its first fragment begins with the message's length."""
    return len(message).to_bytes(4, "big") + message


def connection_seeds(frames, handshake):
    """One input per frame alone and one of all together, as records and as bytes, with and without passing time."""
    alone = [[one] for one in frames]
    for conversation in alone + [frames]:
        records = b"".join(record(*one) for one in conversation)
        raw = b"".join(frame(*one) for one in conversation)
        yield bytes([AFTER_HANDSHAKE | FRAMED, 7]) + records
        yield bytes([AFTER_HANDSHAKE | FRAMED | TIME_PASSES, 7]) + records
        yield bytes([AFTER_HANDSHAKE, 7]) + raw
        yield bytes([0, 7]) + frame(*handshake) + raw


def server_seeds(right):
    streams = iter(range(1, 256, 2))
    frames = [(3 | END_STREAM, next(streams), prefixed(request)) for request in right["Request"][:20]]
    first = prefixed(right["Request"][0])
    split = next(streams)
    frames += [(3 | MORE, split, first[:9]), (3 | END_STREAM, split, first[9:])]
    frames += [(CREDIT, 1, (65536).to_bytes(4, "big")), (CREDIT, 0, (65536).to_bytes(4, "big"))]
    frames += [(9, 1, cancel) for cancel in right["Cancel"][:2]]
    frames += [(PING, 0, b"12345678"), (PONG, 0, b"12345678"), (31, 0, b"unknown")]
    frames += [(13, 0, right["GoAway"][0]), (8, 0, right["Error"][0])]
    return connection_seeds(frames, (1, 0, right["Hello"][0]))


def client_seeds(right):
    frames = [(5, 1, right["Begin"][0])]
    frames += [(6, 1, delta) for delta in right["Delta"][:6]]
    frames += [(7, 1, right["End"][0]), (5, 3, right["Begin"][0])]
    result = prefixed(right["Result"][0])
    frames += [(4 | MORE, 3, result[:9]), (4, 3, result[9:]), (7, 3, right["End"][0])]
    frames += [(8, 5, right["Error"][0]), (CREDIT, 1, (65536).to_bytes(4, "big")), (PING, 0, b"12345678")]
    frames += [(13, 0, right["GoAway"][0]), (8, 0, right["Error"][0])]
    return connection_seeds(frames, (2, 0, right["Welcome"][0]))


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


def main(folder):
    every, right = messages()
    seeds = {
        "FuzzMessages": [bytes([FRAME_TYPES[name]]) + one for name, bodies in every.items() for one in bodies],
        "FuzzServer": server_seeds(right),
        "FuzzClient": client_seeds(right),
        "FuzzJSON": [text.encode() for text in JSON_SEEDS],
        "FuzzScrubbing": [bytes([7]) + text.encode() for text in TEXT_SEEDS],
    }
    for fuzzer, inputs in seeds.items():
        target = folder / fuzzer
        target.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(inputs):
            (target / f"{number:03}").write_bytes(data)


if len(sys.argv) != 2:
    sys.exit(__doc__)
main(pathlib.Path(sys.argv[1]))
