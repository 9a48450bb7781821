#!/usr/bin/env python3
"""Generates what follows from protocol/error-codes.json: Swift tables and the table in SPEC.md.

usage: Scripts/generate-error-codes.py [--check]

With --check nothing is written; the exit status is 1 if a generated file is out of date.
"""
import json
import pathlib
import sys

root = pathlib.Path(__file__).resolve().parent.parent
codes = json.loads((root / "protocol/error-codes.json").read_text())["codes"]
notice = "// Generated from protocol/error-codes.json by Scripts/generate-error-codes.py; change it there.\n"


def camel(name):
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def wire_swift():
    lines = [notice, "extension ErrorCode {"]
    for entry in codes:
        lines.append(f"    /// {entry['meaning']}")
        lines.append(f"    package static let {camel(entry['name'])} = ErrorCode(rawValue: {entry['code']})")
    lines += ["", "    /// The registry's entry of every known code.", "    package static let registry: [ErrorCode: Entry] = ["]
    for entry in codes:
        lines.append(
            f"        .{camel(entry['name'])}: Entry(name: \"{entry['name']}\", scope: .{entry['scope']}, retry: .{entry['retry']}),")
    lines += ["    ]", "}", ""]
    return "\n".join(lines)


def fault_swift():
    lines = [
        notice,
        "/// What went wrong, in the registry's words. The raw value is the wire protocol's error code.",
        "package enum FaultKind: UInt32, CaseIterable, Sendable {",
    ]
    for entry in codes:
        lines.append(f"    /// {entry['meaning']}")
        lines.append(f"    case {camel(entry['name'])} = {entry['code']}")
    lines += ["}", "", "extension FaultKind {", "    /// How each door tells this kind.", "    package var presentation: FaultPresentation {", "        switch self {"]
    for entry in codes:
        lines.append(f"        case .{camel(entry['name'])}:")
        lines.append("            FaultPresentation(")
        lines.append(f"                name: \"{entry['name']}\", retry: .{entry['retry']}, httpStatus: {entry['http']},")
        lines.append(
            f"                openAIType: \"{entry['openai'][0]}\", openAICode: \"{entry['openai'][1]}\", anthropicType: \"{entry['anthropic']}\")")
    lines += ["        }", "    }", "}", ""]
    return "\n".join(lines)


def spec_table():
    rows = ["| code | name | scope | retry | HTTP | meaning |", "|---|---|---|---|---|---|"]
    rows += [f"| {e['code']} | `{e['name']}` | {e['scope']} | {e['retry']} | {e['http']} | {e['meaning']} |" for e in codes]
    return "\n".join(rows)


def spec_text():
    path = root / "protocol/SPEC.md"
    begin, end = "<!-- error-codes:begin -->", "<!-- error-codes:end -->"
    text = path.read_text()
    head, rest = text.split(begin, 1)
    _, tail = rest.split(end, 1)
    return f"{head}{begin}\n{spec_table()}\n{end}{tail}"


outputs = {
    "Sources/Wire/Protocol/ErrorCode+Registry.swift": wire_swift,
    "Sources/Gateway/Core/Fault/FaultKind.swift": fault_swift,
    "protocol/SPEC.md": spec_text,
}

stale = []
for name, make in outputs.items():
    path = root / name
    if name.endswith("SPEC.md") and not path.exists():
        continue
    text = make()
    if not path.exists() or path.read_text() != text:
        stale.append(name)
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
print("\n".join(f"{'stale' if '--check' in sys.argv else 'written'}: {name}" for name in stale) or "up to date")
sys.exit(1 if stale and "--check" in sys.argv else 0)
