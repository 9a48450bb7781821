"""Runs other people's load and attack tools against a gateway of its own and writes what they say into docs/hardening.md.

usage: measure.py BUILD_FOLDER SSLYZE

Needs h2load (nghttp2-client) and slowhttptest; SSLYZE is the program of that name.
"""

import asyncio
import json
import os
import platform
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "wire-python"))

from gateway import Gateway  # noqa: E402

DOCUMENT = os.path.join(os.path.dirname(__file__), "..", "..", "..", "docs", "hardening.md")
BEGIN, END = "<!-- Figures: written by `make hardening`. -->", "<!-- End of the figures. -->"


def output(*command, check=True):
    made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)
    if check and made.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {made.returncode}: {made.stdout[-500:]}{made.stderr[-500:]}")
    return made.stdout


def load(gateway, folder, part):
    """h2load's words for a few kinds of load, a `part`th of it with a slow build: (what, requests a second, failed, mean)."""
    body = os.path.join(folder, "chat.json")
    with open(body, "w", encoding="utf-8") as file:
        file.write('{"model":"bench:2","messages":[{"role":"user","content":"hello"}]}')
    key = ["-H", f"authorization: Bearer {gateway.key}", "-H", "content-type: application/json", "-d", body]
    tls, plain = f"https://127.0.0.1:{gateway.port}", f"http://127.0.0.1:{gateway.http_port}"
    for what, options in (
            ("`/healthz`, HTTP/2, 20 connections of 32 streams", ["-n", str(20_000 // part), "-c", "20", "-m", "32", tls + "/healthz"]),
            ("`/healthz`, HTTP/1.1 without TLS, 64 connections", ["-n", str(20_000 // part), "-c", "64", "--h1", plain + "/healthz"]),
            ("chat, HTTP/2, 20 connections of 16 streams", ["-n", str(10_000 // part), "-c", "20", "-m", "16", *key, tls + "/v1/chat/completions"]),
            ("chat, HTTP/1.1 without TLS, 64 connections", ["-n", str(10_000 // part), "-c", "64", "--h1", *key, plain + "/v1/chat/completions"])):
        said = output("h2load", "-t", "1", *options)
        rate = re.search(r"finished in [^,]+, ([\d.]+) req/s", said).group(1)
        done = re.search(r"(\d+) succeeded, (\d+) failed", said)
        codes = re.search(r"(\d+) 2xx", said).group(1)
        mean = re.search(r"time for request:\s+\S+\s+\S+\s+(\S+)", said).group(1)
        # A debug build's speed says nothing.
        yield what, f"{float(rate):.0f}" if part == 1 else "-", f"{done.group(1)} ({codes} with 2xx), {done.group(2)} failed", mean if part == 1 else "-"


def slow(gateway, folder):
    """slowhttptest's last word on each of its attacks, and whether the gateway still answered."""
    url = f"http://127.0.0.1:{gateway.http_port}/v1/chat/completions"
    for what, options in (("slow heads", ["-H"]), ("slow bodies", ["-B"]), ("slow readers", ["-X", "-w", "10", "-y", "20", "-k", "3"])):
        before = gateway.resident_kilobytes
        said = output("slowhttptest", *options, "-c", "500", "-r", "250", "-i", "1", "-l", "20", "-p", "3", "-u", url,
                      "-o", os.path.join(folder, "slow"), check=False)
        said = re.sub(r"\x1b\[[0-9;]*m", "", said)
        available = re.findall(r"service available:\s+(YES|NO)", said)
        ending = re.search(r"Exit status:\s*(.+)", said)
        yield what, f"{available.count('YES')} of {len(available)}", ending.group(1).strip() if ending else "-", gateway.resident_kilobytes - before


def tls(gateway, sslyze, folder):
    path = os.path.join(folder, "sslyze.json")
    said = output(sslyze, f"--json_out={path}", f"localhost:{gateway.port}", check=False)
    with open(path, encoding="utf-8") as file:
        found = json.load(file)["server_scan_results"][0]["scan_result"]

    def suites(version):
        result = found[f"{version}_cipher_suites"]["result"]
        return [suite["cipher_suite"]["name"] for suite in result["accepted_cipher_suites"]]

    for version in ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1", "tls_1_2", "tls_1_3"):
        yield version.upper().replace("_", " ", 1).replace("_", "."), ", ".join(suites(version)) or "refused"
    yield "compression", "on" if found["tls_compression"]["result"]["supports_compression"] else "off"
    renegotiation = found["session_renegotiation"]["result"]
    yield "renegotiation by the client", "possible" if renegotiation["is_vulnerable_to_client_renegotiation_dos"] else "refused"
    yield "Heartbleed, ROBOT, CCS injection", "not vulnerable" if not (
        found["heartbleed"]["result"]["is_vulnerable_to_heartbleed"] or found["openssl_ccs_injection"]["result"]["is_vulnerable_to_ccs_injection"]
        or not found["robot"]["result"]["robot_result"].startswith("NOT_VULNERABLE")) else "VULNERABLE"
    complaints = [line.strip(" *") for line in said.split("Not compliant.")[-1].splitlines() if line.strip().startswith("*")] if "Not compliant." in said else []
    yield "Mozilla's *intermediate* configuration", "compliant" if not complaints else "; ".join(complaints)


def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + " --- |" * len(head), *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows)]) + "\n"


async def main(programs, sslyze):
    kind = "debug" if "debug" in os.path.realpath(programs) else "release"
    with tempfile.TemporaryDirectory() as folder:
        async with Gateway(programs, slow="20s") as gateway:
            loads = await asyncio.to_thread(lambda: list(load(gateway, folder, 10 if kind == "debug" else 1)))
        async with Gateway(programs) as gateway:
            slows = await asyncio.to_thread(lambda: list(slow(gateway, folder)))
            suites = await asyncio.to_thread(lambda: list(tls(gateway, sslyze, folder)))
            assert gateway.process.returncode is None, "the gateway is gone"
    figures = f"""{BEGIN}
A {kind} build, one event loop, {os.cpu_count()} cores shared with the tools and the provider, {platform.machine()}.

`h2load`:

{table(("load", "requests a second", "of them", "mean time"), loads)}
`slowhttptest`, 500 connections for 20 s, `slow_request_timeout: 2s`:

{table(("attack", "probes answered", "its verdict", "memory after it"), [(*row[:3], f"{row[3] / 1000:+.0f} MB") for row in slows])}
`sslyze`, on a development certificate:

{table(("asked for", "found"), suites)}{END}"""
    with open(DOCUMENT, encoding="utf-8") as file:
        text = file.read()
    with open(DOCUMENT, "w", encoding="utf-8") as file:
        file.write(text[:text.index(BEGIN)] + figures + text[text.index(END) + len(END):])
    print(figures)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
