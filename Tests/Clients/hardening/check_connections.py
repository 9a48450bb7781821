"""How many connections and bytes there may be, and what is told to the others."""

import asyncio
import ipaddress
import json
import struct

import wire
from door import BODY, PATIENCE, Answer, Checks, connect, request

per_address = Checks(limits=", max_connections_per_address: 4")
in_all = Checks(limits=", max_connections: 6")
bytes_in_flight = Checks(limits=", max_in_flight_bytes: 16MiB, max_request_bytes: 4MiB")
few_files = Checks(files=400)
over_wire = Checks(limits=", max_in_flight_bytes: 16MiB, max_request_bytes: 4MiB", slow="20s")
few_requests = Checks(limits=", max_in_flight_requests: 3")
behind_balancer = Checks(limits=", max_connections_per_address: 2", listen=', proxy_protocol: {from: ["127.0.0.1"]}')
ALL = (per_address, behind_balancer, in_all, bytes_in_flight, over_wire, few_files, few_requests)


async def health(reader, writer):
    writer.write(b"GET /healthz HTTP/1.1\r\nhost: gateway\r\n\r\n")
    return await Answer.read(reader)


async def until_welcome(gateway, source=None):
    """A connection once there is room: the gateway hears of an end a little later than its client."""
    async with asyncio.timeout(PATIENCE):
        while True:
            reader, writer = await connect(gateway, source=source)
            try:
                if (await health(reader, writer)).status == 200:
                    return reader, writer
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            writer.close()
            await asyncio.sleep(0.05)


@per_address("an address has as many connections as the limit; more are told so and closed; others are let in")
async def _(gateway):
    held = [await until_welcome(gateway) for _ in range(4)]
    reader, writer = await connect(gateway)
    answer = await health(reader, writer)
    assert answer.status == 429 and answer.headers["retry-after"] == "1" and answer.headers["connection"] == "close", answer.headers
    assert json.loads(answer.body)["error"]["code"] == "rate_limit_exceeded" and answer.headers["x-request-id"].startswith("req_"), answer.body
    assert await reader.read() == b""
    # TLS has no place for an answer before its handshake.
    try:
        reader, _ = await connect(gateway, tls=True)
        assert await reader.read() == b""
    except OSError:
        pass
    other = await until_welcome(gateway, source="127.0.0.2")
    other[1].close()
    held.pop()[1].close()
    held.append(await until_welcome(gateway))
    for _, writer in held:
        writer.close()


@behind_balancer("behind a balancer the clients' addresses count, and a /64 of IPv6 counts as one")
async def _(gateway):
    async def told(client):
        """The status for a connection of a client's, which stays open, if it is taken."""
        address = ipaddress.ip_address(client)
        family, block = (0x11, address.packed + bytes([127, 0, 0, 1])) if address.version == 4 else (0x21, address.packed * 2)
        block += struct.pack(">HH", 40_000, 443)
        reader, writer = await connect(gateway)
        held.append(writer)
        writer.write(b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x21, family]) + struct.pack(">H", len(block)) + block)
        return (await health(reader, writer)).status

    held = []
    for clients in (["192.0.2.1"] * 3, ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:3"]):
        assert [await told(client) for client in clients] == [200, 200, 429], clients
    assert [await told(client) for client in ("192.0.2.2", "2001:db8:0:1::1")] == [200, 200]
    for writer in held:
        writer.close()


@in_all("more connections than the limit are told so and closed, and room is given again")
async def _(gateway):
    held = [await until_welcome(gateway) for _ in range(6)]
    for _ in range(20):
        reader, writer = await connect(gateway)
        answer = await health(reader, writer)
        assert answer.status == 503 and answer.headers["retry-after"] == "1" and json.loads(answer.body)["error"]["code"] == "overloaded", answer.body
        writer.close()
    assert all([(await health(*one)).status == 200 for one in held])
    for _, writer in held:
        writer.close()
    (await until_welcome(gateway))[1].close()


@in_all("a handshake that does not come is given up in time")
async def _(gateway):
    async def silent(first):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(first)
        async with asyncio.timeout(PATIENCE):
            try:
                await reader.read()
            except ConnectionError:
                pass
        writer.close()

    await asyncio.gather(silent(b""), silent(b"\x16\x03\x01\x02\x00\x01\x00"), silent(b"\x16"))


@bytes_in_flight("300 bodies of 1 MB, half of each sent: what does not fit is shed with advice, and memory stays near the budget")
async def _(gateway):
    before = gateway.resident_kilobytes
    half = request(gateway, "content-length: 1000000") + b"{" + b" " * 500_000

    async def one():
        reader, writer = await connect(gateway)
        writer.write(half)
        try:
            return await Answer.read(reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        finally:
            writer.transport.abort()

    asking = [asyncio.create_task(one()) for _ in range(300)]
    most = 0
    while not all(task.done() for task in asking):
        most = max(most, gateway.resident_kilobytes - before)
        await asyncio.sleep(0.05)
    answers = [task.result() for task in asking]
    told = [answer.status for answer in answers if answer]
    shed = [answer for answer in answers if answer and answer.status == 503]
    print(f"# 300 half-sent bodies: {most // 1000} MB more at most; {len(shed)} shed, {told.count(408)} given up as slow")
    assert len(shed) > 200 and all("retry-after" in answer.headers for answer in shed), (len(shed), told[:20])
    # 16 MiB of budget, and what sockets and an allocator hold: far below the 150 MB that was sent.
    assert most < 80_000, most
    reader, writer = await connect(gateway)
    writer.write(request(gateway, body=BODY))
    assert (await Answer.read(reader)).status == 200
    writer.close()


@few_files("with few files to open, fewer connections are taken, the log says so, and those that are taken are served")
async def _(gateway):
    assert any("fewer connections" in line and "connections=136" in line for line in gateway.log), list(gateway.log)
    held = [await until_welcome(gateway) for _ in range(136)]
    reader, writer = await connect(gateway)
    assert (await health(reader, writer)).status == 503
    writer.close()
    for _, writer in held:
        writer.write(request(gateway, body=BODY))
    answers = [await Answer.read(reader) for reader, _ in held]
    assert [answer.status for answer in answers] == [200] * 136, [answer.status for answer in answers]
    for _, writer in held:
        writer.close()


@over_wire("300 requests of 1 MB over the wire, a part of each sent: the same, refused at their first fragment")
async def _(gateway):
    before = gateway.resident_kilobytes
    message = wire.SCHEMA.encode("Request", wire.chat("echo", "x" * 1_000_000))
    whole = len(message).to_bytes(4, "big") + message
    pieces = [wire.frame(wire.REQUEST, 1, whole[at:at + 30_000], wire.MORE) for at in range(0, 240_000, 30_000)]

    handshakes = asyncio.Semaphore(20)

    async def one():
        """Sends what its credit allows, and is told something or nothing."""
        async with handshakes:
            connection = await wire.Connection.open(gateway)
            connection.send(wire.hello(gateway.key, features=0), *pieces)
            await connection.expect(wire.WELCOME, within=PATIENCE)
        try:
            return (await connection.expect(wire.ERROR, within=10))[1]
        except TimeoutError:
            return None
        finally:
            connection.writer.transport.abort()

    asking = [asyncio.create_task(one()) for _ in range(300)]
    most = 0
    while not all(task.done() for task in asking):
        most = max(most, gateway.resident_kilobytes - before)
        await asyncio.sleep(0.05)
    await asyncio.gather(*asking)
    told = [task.result() for task in asking]
    # 402: overloaded.
    shed = [error for error in told if error and error["code"] == 402]
    print(f"# 300 half-sent requests over the wire: {most // 1000} MB more at most; {len(shed)} shed")
    assert len(shed) > 200 and all(error["retryable"] and error["retry_after_ms"] for error in shed), (len(shed), told[:5])
    assert most < 80_000, most


@few_requests("more requests than may be under way are a 503 with advice, and the next is served when one is over")
async def _(gateway):
    slow = BODY.replace(b"echo", b"echo+delay-4000ms")
    asked = [await connect(gateway) for _ in range(10)]
    for _, writer in asked:
        writer.write(request(gateway, body=slow))
    answers = [await Answer.read(reader) for reader, _ in asked]
    told = [answer.status for answer in answers]
    assert told.count(503) == 7 and told.count(200) == 3, told
    assert all(answer.headers["retry-after"] == "1" for answer in answers if answer.status == 503)
    asked[0][1].write(request(gateway, body=BODY))
    assert (await Answer.read(asked[0][0])).status == 200
    for _, writer in asked:
        writer.close()
