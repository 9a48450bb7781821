"""What the checks share: a table of checks, sockets that say exactly what they are told, frames of HTTP/2."""

import asyncio
import re
import socket
import ssl
import struct
import traceback

from hpack import Decoder, Encoder

BODY = b'{"model":"echo","messages":[{"role":"user","content":"hello"}]}'
# Generous: the machine may be busy.
PATIENCE = 30


class Checks:
    """Named checks, run one after the other; each is given the gateway."""

    def __init__(self, **options):
        self.options, self.table = options, []

    def __call__(self, name):
        def register(function):
            self.table.append((name, function))
            return function
        return register

    async def run(self, gateway):
        bad = 0
        for name, function in self.table:
            try:
                async with asyncio.timeout(180):
                    await function(gateway)
                print(f"ok hardening: {name}", flush=True)
            except Exception as error:  # pylint: disable=broad-except
                bad += 1
                print(f"not ok hardening: {name}\n# {type(error).__name__}: {str(error)[:1500]!r}", flush=True)
                print("# " + traceback.format_exc(limit=-2).replace("\n", "\n# "), flush=True)
        return bad


def context(gateway=None, protocols=("http/1.1",), **options):
    made = ssl.create_default_context(cafile=gateway.ca_file if gateway and gateway.ca_file else options.get("ca"))
    made.set_alpn_protocols(list(protocols))
    return made


async def connect(gateway, tls=False, protocols=("http/1.1",), source=None, buffer=None):
    """- `buffer`: bytes that the kernel may hold of what nobody reads; `None`: what it likes."""
    if buffer:
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", gateway.http_port))
        return await asyncio.open_connection(sock=made)
    # A timeout of asyncio's own for the end of TLS would outlast the checks.
    secure = {"ssl": context(gateway, protocols), "server_hostname": "localhost", "ssl_shutdown_timeout": 1} if tls else {}
    return await asyncio.open_connection("127.0.0.1", gateway.port if tls else gateway.http_port, limit=1 << 26,
                                         local_addr=(source, 0) if source else None, **secure)


async def exchange(gateway, data, tls=False):
    """All that comes until the gateway ends the connection; what was sent need not be read."""
    reader, writer = await connect(gateway, tls)
    writer.write(data)
    async with asyncio.timeout(PATIENCE):
        answer = await reader.read()
    writer.close()
    return answer


class Answer:
    """One answer of HTTP/1.1."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @staticmethod
    async def read(reader, to_head=False):
        async with asyncio.timeout(PATIENCE):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lines = head[:-4].split("\r\n")
            status = int(lines[0].split(" ")[1])
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
            if to_head or status < 200 or status == 204:
                body = b""
            elif "content-length" in headers:
                body = await reader.readexactly(int(headers["content-length"]))
            else:
                body = b""
                while size := int(await reader.readline(), 16):
                    body += await reader.readexactly(size)
                    await reader.readline()
                await reader.readuntil(b"\r\n")
        return Answer(status, headers, body)


def request(gateway, *headers, method="POST", path="/v1/chat/completions", version="1.1", body=None, length=True):
    """A request's bytes. `headers` are lines, as text in Latin-1 or as bytes."""
    lines = [f"{method} {path} HTTP/{version}", *(["host: gateway"] if version == "1.1" else []), f"authorization: Bearer {gateway.key}", *headers]
    if body is not None and length:
        lines.append(f"content-length: {len(body)}")
    return b"\r\n".join(line if isinstance(line, bytes) else line.encode("latin-1") for line in lines) + b"\r\n\r\n" + (body or b"")


def statuses(answer):
    return [int(code) for code in re.findall(rb"^HTTP/1\.[01] (\d+)", answer, re.M)]


# HTTP/2

DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, UPDATE, CONTINUATION = range(10)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PROTOCOL_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED, FRAME_SIZE_ERROR, COMPRESSION_ERROR, CALM = 1, 3, 5, 6, 9, 11


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def block(*more, **pseudo):
    """A header block; `pseudo` changes the pseudo-headers, `None` leaves one out."""
    fields = {"method": "GET", "path": "/v1/models", "scheme": "https", "authority": "gateway", **pseudo}
    return Encoder().encode([(f":{name}", value) for name, value in fields.items() if value is not None] + list(more))


class H2:
    """What came of a connection of HTTP/2 that said what it was told."""

    def __init__(self):
        self.goaway, self.resets, self.answers, self.counts, self.ended = None, {}, {}, {}, False
        self.bodies = {}

    @staticmethod
    async def say(gateway, frames, settings=b"", until=None):
        """- `until`: when enough has come, beside the connection's end."""
        seen = H2()
        reader, writer = await connect(gateway, tls=True, protocols=("h2",))
        writer.write(PREFACE + frame(SETTINGS, 0, 0, settings) + b"".join(frames))
        decoder = Decoder()
        try:
            async with asyncio.timeout(PATIENCE):
                while until is None or not until(seen):
                    head = await reader.readexactly(9)
                    payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
                    seen.take(head[3], head[4], int.from_bytes(head[5:], "big"), payload, decoder)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            seen.ended = True
        writer.transport.abort()
        return seen

    def take(self, kind, flags, stream, payload, decoder):
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if kind == GOAWAY:
            self.goaway = struct.unpack(">II", payload[:8])[1]
        elif kind == RST:
            self.resets[stream] = struct.unpack(">I", payload)[0]
        elif kind == HEADERS:
            self.answers.setdefault(stream, int(dict(decoder.decode(payload)).get(":status", 0)))
        elif kind == DATA:
            self.bodies[stream] = self.bodies.get(stream, b"") + payload
        if kind in (HEADERS, DATA) and flags & 1:
            self.ended_streams = getattr(self, "ended_streams", set()) | {stream}

    def __str__(self):
        return f"goaway={self.goaway} resets={dict(list(self.resets.items())[:5])} answers={dict(list(self.answers.items())[:5])} ended={self.ended}"
