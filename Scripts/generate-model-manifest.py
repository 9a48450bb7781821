#!/usr/bin/env python3
"""Generates the manifest of the read-only models: what the program holds their files against when it starts.

usage: Scripts/generate-model-manifest.py [--check]

The models are the files in Sources/Gateway/App/Models, each with `# version: N` in its first line. With --check nothing is written; the exit status is 1 if
the manifest is out of date.
"""
import hashlib
import pathlib
import sys

root = pathlib.Path(__file__).resolve().parent.parent
folder = root / "Sources/Gateway/App/Models"
target = root / "Sources/Gateway/App/Wiring/ModelManifest.swift"


def entry(path):
    content = path.read_bytes()
    first = content.split(b"\n", 1)[0].decode()
    if not first.startswith("# version: "):
        sys.exit(f"{path}: the first line does not say `# version: N`")
    version = int(first.removeprefix("# version: "))
    return (
        f'        ModelFiles.Entry(\n            name: "{path.stem}", version: {version}, bytes: {len(content)},\n'
        f'            sha256: "{hashlib.sha256(content).hexdigest()}"),\n'
    )


text = (
    "// Generated from Sources/Gateway/App/Models by Scripts/generate-model-manifest.py; change the files there.\n\n"
    "/// What the files of the read-only models must be.\n"
    "enum ModelManifest {\n    static let entries = [\n"
    + "".join(entry(path) for path in sorted(folder.glob("*.tsv")))
    + "    ]\n}\n"
)
if "--check" in sys.argv[1:]:
    if not target.exists() or target.read_text() != text:
        sys.exit(f"{target.relative_to(root)} is out of date: run Scripts/generate-model-manifest.py")
else:
    target.write_text(text)
