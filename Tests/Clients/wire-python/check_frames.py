"""Transport, handshake, and what comes in odd pieces."""

import asyncio
import socket
import ssl
import struct

from check_vectors import code_of, fails_with
from wire import (BEGIN, CANCEL, COMPRESSED, CREDIT, DELTA, END, END_STREAM, ERROR, GOAWAY, LZ4, MORE, PADDING, PING, PONG, REQUEST, SCHEMA,
                  WELCOME, Client, Connection, Violation, body_of, chat, compress, credit, frame, hello, request)

CHECKS, PATIENT = [], []
# Those of CHECKS that are not about TLS.
ON_ANY_TRANSPORT = []


def check(name, into=CHECKS, is_about_tls=False):
    def register(function):
        into.append((name, function))
        if into is CHECKS and not is_about_tls:
            ON_ANY_TRANSPORT.append((name, function))
        return function
    return register


def patient(name):
    """A check that mostly waits: runs beside the others."""
    return check(name, PATIENT)


async def welcomed(gateway, *more, **hello_fields):
    connection = await Connection.open(gateway)
    connection.send(hello(gateway.key, **hello_fields), *more)
    await connection.expect(WELCOME)
    return connection


async def whole_answer(connection, stream):
    """Reads up to END of one stream; returns the text."""
    await connection.expect(BEGIN)
    text = b""
    while True:
        received, _ = await connection.expect(DELTA, END)
        if received.stream != stream:
            raise Violation(f"an answer on stream {received.stream}")
        if received.type == END:
            return text.decode()
        text += SCHEMA.decode("Delta", received.payload).get("data", b"")


async def tls(gateway, alpn):
    context = ssl.create_default_context(cafile=gateway.ca_file)
    if alpn:
        context.set_alpn_protocols(alpn)
    _, writer = await asyncio.open_connection("localhost", gateway.port, ssl=context)
    selected = writer.get_extra_info("ssl_object").selected_alpn_protocol()
    writer.close()
    return selected


@check("ALPN decides: ours, HTTP/2, or a handshake that fails", is_about_tls=True)
async def _(gateway):
    assert await tls(gateway, ["h2", "agentshield/1"]) in ("agentshield/1", "h2")
    assert await tls(gateway, ["agentshield/1"]) == "agentshield/1"
    assert await tls(gateway, ["h2"]) == "h2"
    try:
        assert await tls(gateway, ["agentshield/2"]) is None
    except (ssl.SSLError, ConnectionError):
        pass


@check("over TLS 1.2 the connection is closed without a word", is_about_tls=True)
async def _(gateway):
    context = ssl.create_default_context(cafile=gateway.ca_file)
    context.set_alpn_protocols(["agentshield/1"])
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        reader, writer = await asyncio.open_connection("localhost", gateway.port, ssl=context)
        writer.write(hello(gateway.key))
        assert await reader.read() == b""
        writer.close()
    except (ssl.SSLError, ConnectionError):
        pass


@check("the certificate is for localhost and nothing else", is_about_tls=True)
async def _(gateway):
    context = ssl.create_default_context(cafile=gateway.ca_file)
    context.set_alpn_protocols(["agentshield/1"])
    try:
        await asyncio.open_connection("localhost", gateway.port, ssl=context, server_hostname="example.com")
    except ssl.SSLCertVerificationError:
        return
    raise Violation("another name was accepted")


@check("every byte in a TLS record of its own")
async def _(gateway):
    async with await Connection.open(gateway) as connection:
        for byte in hello(gateway.key) + request(1, chat("echo", "one by one")):
            connection.send(bytes([byte]))
            await connection.writer.drain()
            await asyncio.sleep(0)
        await connection.expect(WELCOME)
        assert await whole_answer(connection, 1) == "one by one"


@check("HELLO, PING and five REQUESTs in one TLS record")
async def _(gateway):
    async with await Connection.open(gateway) as connection:
        connection.send(hello(gateway.key), *(request(n, chat("hang")) for n in (1, 3, 5, 7)), request(9, chat("echo", "the last")),
                        frame(PING, 0, b"12345678"))
        await connection.expect(WELCOME)
        received, body = await connection.expect(PONG)
        assert body["opaque"] == b"12345678"
        assert await whole_answer(connection, 9) == "the last"


@check("features that nobody knows are not agreed")
async def _(gateway):
    async with await Connection.open(gateway) as connection:
        connection.send(hello(gateway.key, features=(1 << 64) - 1))
        _, body = await connection.expect(WELCOME)
        assert not body.get("features", 0) & ~(LZ4 | PADDING), body


@check("a wrong, an empty and a long credential are refused alike")
async def _(gateway):
    for key in ("wrong", "", "x" * 8_000, gateway.key + "x", gateway.key[:-1], "\0"):
        async with await Connection.open(gateway) as connection:
            connection.send(hello(key), request(1, chat("echo")))
            await fails_with(connection, "unauthenticated")


@check("a HELLO of 8,192 bytes is read, one of 8,193 is not")
async def _(gateway):
    for extra, error in ((0, None), (1, "frame_too_large")):
        body = {"min_version": 1, "max_version": 1, "credential": gateway.key}
        rest = 8_192 - len(SCHEMA.encode("Hello", body)) - 3 + extra
        # Field 99, which nobody knows: a tag of two bytes, a length of two, as many zeros.
        padded = SCHEMA.encode("Hello", body) + bytes([0x9A, 0x06]) + bytes([(rest - 1) & 0x7F | 0x80, (rest - 1) >> 7]) + bytes(rest - 1)
        assert len(padded) == 8_192 + extra
        async with await Connection.open(gateway) as connection:
            connection.send(frame(1, 0, padded))
            if error:
                await fails_with(connection, error)
            else:
                await connection.expect(WELCOME)


@check("unknown fields and frames are skipped anywhere")
async def _(gateway):
    odd = bytes([0x9A, 0x06, 0x03]) + b"odd" + bytes([0x98, 0x06, 0x01])
    async with await Connection.open(gateway) as connection:
        connection.send(frame(20, 77, b"later"), frame(1, 0, SCHEMA.encode("Hello", {"min_version": 1, "max_version": 9, "credential": gateway.key}) + odd),
                        frame(31, 0, bytes(60_000), 0xE0), frame(0))
        _, body = await connection.expect(WELCOME)
        assert body["version"] == 1
        message = SCHEMA.encode("Request", chat("echo", "odd")) + odd
        whole = struct.pack(">I", len(message)) + message
        connection.send(frame(REQUEST, 1, whole[:7], MORE), frame(14, 1, b"x"), frame(REQUEST, 1, whole[7:], END_STREAM))
        assert await whole_answer(connection, 1) == "odd"


@check("credits behind HELLO count, whatever WELCOME says")
async def _(gateway):
    limits = {"initial_stream_credit": 16_384, "initial_connection_credit": 16_384}
    async with await welcomed(gateway, credit(0, 100_000), request(1, chat("say:4000")), credit(1, 100_000), limits=limits) as connection:
        assert len((await whole_answer(connection, 1)).split()) == 4_000


@check("the server's PONG has the PING's bytes, in their order")
async def _(gateway):
    async with await welcomed(gateway) as connection:
        connection.send(*(frame(PING, 0, struct.pack(">Q", n)) for n in range(30)))
        for n in range(30):
            _, body = await connection.expect(PONG)
            assert body["opaque"] == struct.pack(">Q", n)


@check("a GOAWAY of the client ends the connection behind its last answer")
async def _(gateway):
    async with await welcomed(gateway, request(1, chat("echo+delay-100ms", "bye")), frame(GOAWAY)) as connection:
        assert await whole_answer(connection, 1) == "bye"
        received = await connection.read()
        assert received is None or received.type == GOAWAY and await connection.read() is None, received


@check("ERROR of the client in place of HELLO ends the connection without an answer")
async def _(gateway):
    async with await Connection.open(gateway) as connection:
        connection.send(frame(ERROR, 0, {"code": 100, "message": "no"}))
        assert await connection.read() is None


@check("a frame that is too long on a busy connection: all its streams end, and the provider is left")
async def _(gateway):
    before = await gateway.provider_stats("exactly=active:0")
    async with await welcomed(gateway, *(request(n, chat("hang-mid")) for n in range(1, 41, 2))) as connection:
        await gateway.provider_stats("exactly=active:20")
        connection.send(frame(REQUEST, 41, bytes(65_537), MORE)[:8])
        while (received := await connection.read()).type in (BEGIN, DELTA, CREDIT):
            pass
        assert received.type == ERROR and body_of(received)["code"] == code_of("frame_too_large")
    after = await gateway.provider_stats("exactly=active:0")
    assert after["closed_early"] - before["closed_early"] == 20, (before, after)


@check("a connection that is reset, half-closed or closed: the provider is left at once")
async def _(gateway):
    for end in ("reset", "half", "close"):
        await gateway.provider_stats("exactly=active:0")
        connection = await welcomed(gateway, *(request(n, chat("hang")) for n in range(1, 21, 2)))
        await gateway.provider_stats("exactly=active:10")
        raw = connection.writer.get_extra_info("socket")
        if end == "reset":
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.writer.transport.abort()
        elif end == "half":
            raw.shutdown(socket.SHUT_WR)
        else:
            await connection.close()
        await gateway.provider_stats("exactly=active:0")
        await connection.close()


@check("after a connection error the server reads on until the peer has gone")
async def _(gateway):
    async with await welcomed(gateway) as connection:
        connection.send(frame(2))
        for _ in range(20):
            connection.send(frame(REQUEST, 1, bytes(60_000), MORE))
        await fails_with(connection, "protocol_error", last_stream=0)


@check("a bomb: 65,536 bytes in 270, as often as there is credit")
async def _(gateway):
    async with await welcomed(gateway) as connection:
        first = struct.pack(">I", 4_000_000) + bytes(65_532)
        connection.send(frame(REQUEST, 1, compress(first), MORE | COMPRESSED))
        for _ in range(3):
            connection.send(frame(REQUEST, 1, compress(bytes(65_536)), MORE | COMPRESSED))
        connection.send(frame(CANCEL, 1), request(3, chat("echo", "still here")))
        assert await whole_answer(connection, 3) == "still here"
        connection.send(frame(REQUEST, 5, compress(bytes(65_537)), MORE | COMPRESSED))
        await fails_with(connection, "frame_too_large", last_stream=5)


@check("the rest of a refused request takes the connection's credit, and gets it back")
async def _(gateway):
    async with await welcomed(gateway, frame(REQUEST, 1, struct.pack(">I", 1 << 31) + bytes(60_000), MORE)) as connection:
        received, body = await connection.expect(ERROR)
        assert received.stream == 1 and body["code"] == code_of("request_too_large"), body
        left = 1_048_576 - 60_004
        for _ in range(100):
            while left < 60_000:
                received = await connection.read()
                assert received.type == CREDIT and received.stream == 0, received
                left += body_of(received)["increment"]
            connection.send(frame(REQUEST, 1, bytes(60_000), MORE))
            left -= 60_000
        connection.send(frame(CANCEL, 1), request(3, chat("echo", "on")))
        assert await whole_answer(connection, 3) == "on"


@patient("a HELLO that does not come whole ends with timeout")
async def _(gateway):
    async with await Connection.open(gateway) as connection:
        connection.send(hello(gateway.key)[:9])
        received = await connection.read(within=12)
        assert received.type == ERROR and body_of(received)["code"] == code_of("timeout"), received
        assert await connection.read() is None


@patient("a client that neither sends nor reads costs one connection")
async def _(gateway):
    connections = [await Connection.open(gateway) for _ in range(100)]
    async with await Client.open(gateway) as client:
        assert (await client.ask(chat("echo", "me"))).text == "me"
    for connection in connections:
        while (received := await connection.read(within=12)) is not None:
            assert received.type == ERROR, received
        await connection.close()


@patient("a REQUEST of which the rest does not come ends with timeout")
async def _(gateway):
    async with await welcomed(gateway, frame(REQUEST, 1, struct.pack(">I", 100) + bytes(50), MORE)) as connection:
        received, body = await connection.expect(ERROR, within=40)
        assert received.stream == 0 and body["code"] == code_of("timeout"), (received, body)
