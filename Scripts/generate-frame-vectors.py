#!/usr/bin/env python3
"""Writes protocol/vectors/{frames,conversations}/*.json and the byte examples of SPEC.md.

usage: Scripts/generate-frame-vectors.py [--check]

Frames and bodies are put together byte by byte in Scripts/wirevectors, apart from the Swift that they test; LZ4 blocks come from
liblz4. With --check nothing is written; the exit status is 1 if a file is out of date.
"""
import json
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(root / "Scripts"))
sys.dont_write_bytecode = True

from wirevectors import conversations, examples, frames  # noqa: E402


def spec():
    text = (root / "protocol/SPEC.md").read_text()
    written = set()

    def fill(match):
        name = match.group(1)
        written.add(name)
        return f"<!-- example:{name} -->\n```\n{examples.ALL[name]()}\n```\n<!-- end -->"

    text = re.sub(r"<!-- example:([a-z-]+) -->\n.*?<!-- end -->", fill, text, flags=re.S)
    missing = set(examples.ALL) - written
    if missing:
        sys.exit(f"SPEC.md has no place for the examples {sorted(missing)}")
    return text


def dump(vectors):
    return json.dumps(vectors, indent=1, ensure_ascii=False) + "\n"


outputs = {"protocol/vectors/frames/valid.json": lambda: dump(frames.valid()), "protocol/vectors/frames/invalid.json": lambda: dump(frames.invalid())}
for name, group in conversations.load().items():
    outputs[f"protocol/vectors/conversations/{name}.json"] = lambda group=group: dump([conversation.json() for conversation in group])
if (root / "protocol/SPEC.md").exists():
    outputs["protocol/SPEC.md"] = spec

stale = []
for name, make in outputs.items():
    path = root / name
    text = make()
    if not path.exists() or path.read_text() != text:
        stale.append(name)
        if "--check" not in sys.argv:
            path.write_text(text)
print("\n".join(f"{'stale' if '--check' in sys.argv else 'written'}: {name}" for name in stale) or "up to date")
sys.exit(1 if stale and "--check" in sys.argv else 0)
