"""HTTP/1.1: requests that two readers could understand differently, bodies of every framing and coding, and what is slow."""

import asyncio
import gzip
import json
import zlib

from door import BODY, PATIENCE, Answer, Checks, connect, exchange, request, statuses

check = Checks(limits=", max_request_bytes: 100000")
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
LENGTH = f"content-length: {len(BODY)}"
CHUNKED = "transfer-encoding: chunked"
SECOND = b"GET /healthz HTTP/1.1\r\nhost: smuggled\r\n\r\n"


def chunked(*headers):
    return lambda gateway: request(gateway, *headers) + CHUNKS


def lengths(*headers):
    return lambda gateway: request(gateway, *headers) + BODY


def get(*headers, **options):
    return lambda gateway: request(gateway, *headers, **{"method": "GET", "path": "/v1/models", **options})


def chunks(text):
    return lambda gateway: request(gateway, CHUNKED) + text


REFUSED = {
    "length and chunks": (400, chunked(LENGTH, CHUNKED)), "chunks and length": (400, chunked(CHUNKED, LENGTH)),
    "two equal lengths": (400, lengths(LENGTH, LENGTH)), "two lengths": (400, lengths(LENGTH, "content-length: 3")),
    "a list of lengths": (400, lengths(LENGTH + ", 3")), "a signed length": (400, lengths("content-length: +60")),
    "a negative length": (400, lengths("content-length: -1")), "a length of 30 digits": (400, lengths("content-length: " + "9" * 30)),
    "chunked, identity": (400, chunked("transfer-encoding: chunked, identity")), "xchunked": (501, chunked("transfer-encoding: xchunked")),
    "chunked twice": (400, chunked(CHUNKED, CHUNKED)), "a coding behind a vertical tab": (400, chunked("transfer-encoding: \x0bchunked")),
    "a space before the colon": (400, chunked(LENGTH, "transfer-encoding : chunked")), "a folded coding": (400, chunked("transfer-encoding:\r\n chunked")),
    "a folded header": (400, get("x: a\r\n b")), "LF alone": (400, get("x: a\ny: b")), "CR alone": (400, get("x: a\ry: b")),
    "NUL in a value": (400, get("x: a\0b")), "NUL in a name": (400, get("x\0: a")), "no colon": (400, get("nothing")),
    "a negative chunk": (400, chunks(b"-1\r\n" + BODY)), "0x": (400, chunks(b"0x3c\r\n" + BODY)), "a chunk beyond 64 bits": (400, chunks(b"f" * 17 + b"\r\n")),
    "a chunk longer than told": (400, chunks(b"1\r\n{}\r\n0\r\n\r\n")), "LF alone behind a chunk": (400, chunks(b"2\n{}\n0\n\n")),
    "extensions without end": (400, chunks(b"2;" + b"a" * 1_000_000)), "zeros without end": (400, chunks(b"0" * 1_000_000)),
    "trailers without end": (431, chunks(b"0\r\n" + b"".join(b"x-%d: 1\r\n" % number for number in range(500)))),
    "a long target": (414, get(path="/" + "a" * 100_000)), "a long name": (431, get("a" * 100_000 + ": b")), "a long value": (431, get("a: " + "b" * 100_000)),
    "a long head": (431, get(*("a: " + "b" * 8_000 for _ in range(20)))), "many headers": (431, get(*("a: b" for _ in range(1000)))),
    "no host": (400, lambda gateway: b"GET /healthz HTTP/1.1\r\n\r\n"), "two hosts": (400, get("host: other")), "authority form": (400, get(path="gateway:80")),
    "HTTP/2.0": (505, get(version="2.0")), "an unknown method": (501, get(method="BREW")), "TLS on the plain port": (400, lambda _: b"\x16\x03\x01" * 100),
    "a coding in HTTP/1.0": (400, lambda gateway: request(gateway, CHUNKED, version="1.0") + CHUNKS),
}

for what, (expected, made) in REFUSED.items():
    def refused(expected=expected, made=made):
        async def run(gateway):
            for tls in (False, True):
                answer = await exchange(gateway, made(gateway) + SECOND, tls)
                assert statuses(answer) == [expected], answer[:500]
                head, body = answer.split(b"\r\n\r\n", 1)
                error = json.loads(body)["error"]
                assert set(error) == {"message", "type", "param", "code"} and b"x-request-id: req_" in head and b"connection: close" in head, answer
        return run
    check(f"{what}: {expected} once, whole, then the connection ends")(refused())


@check("pipelined requests are answered in order")
async def _(gateway):
    reader, writer = await connect(gateway)
    texts = [f"number {number}" for number in range(20)]
    bodies = [json.dumps({"model": f"echo+delay-{50 - number}ms", "messages": [{"role": "user", "content": text}]}).encode()
              for number, text in enumerate(texts)]
    writer.write(b"".join(request(gateway, body=body) for body in bodies))
    answers = [await Answer.read(reader) for _ in texts]
    assert [json.loads(answer.body)["choices"][0]["message"]["content"] for answer in answers] == texts
    writer.close()


@check("expectations: 100, then the answer; an unknown one is a 417; a refused one is answered at once")
async def _(gateway):
    reader, writer = await connect(gateway)
    writer.write(request(gateway, LENGTH, "expect: 100-continue"))
    assert (await Answer.read(reader)).status == 100
    writer.write(BODY)
    assert (await Answer.read(reader)).status == 200
    writer.write(request(gateway, "expect: tea", method="GET", path="/v1/models"))
    assert (await Answer.read(reader)).status == 417
    writer.write(request(gateway, "content-length: 99999999", "expect: 100-continue"))
    assert (await Answer.read(reader)).status == 413
    writer.close()


@check("HEAD has no body, OPTIONS tells what there is, HTTP/1.0 is answered and closed")
async def _(gateway):
    reader, writer = await connect(gateway)
    writer.write(request(gateway, method="HEAD", path="/v1/models"))
    assert (await Answer.read(reader, to_head=True)).status == 200
    writer.write(request(gateway, "origin: https://a.example", "access-control-request-method: POST", method="OPTIONS"))
    answer = await Answer.read(reader)
    assert answer.status == 204 and answer.headers["allow"] == "POST, OPTIONS" and "access-control-allow-origin" not in answer.headers
    writer.close()
    assert statuses(await exchange(gateway, request(gateway, "connection: keep-alive", method="GET", path="/v1/models", version="1.0"))) == [200]


async def ask(gateway, data):
    reader, writer = await connect(gateway)
    writer.write(data)
    answer = await Answer.read(reader)
    writer.close()
    return answer


def padded(size):
    return BODY[:-1] + b" " * (size - len(BODY)) + b"}"


def coded(data, coding="gzip"):
    return lambda gateway: request(gateway, f"content-encoding: {coding}", body=data)


def bare(data):
    maker = zlib.compressobj(wbits=-15)
    return maker.compress(data) + maker.flush()


@check("a body of the limit is taken, one more byte is a 413, with a length, in chunks and compressed")
async def _(gateway):
    for size, expected in ((100_000, 200), (100_001, 413)):
        body = padded(size)
        for data in (request(gateway, body=body), request(gateway, CHUNKED) + b"%x\r\n%s\r\n0\r\n\r\n" % (size, body), coded(gzip.compress(body))(gateway)):
            answer = await ask(gateway, data)
            assert answer.status == expected, (size, answer.status, answer.body[:300])


@check("gzip, in members too, and both kinds of deflate are taken")
async def _(gateway):
    for data, coding in ((gzip.compress(BODY), "gzip"), (gzip.compress(BODY[:9]) + gzip.compress(BODY[9:]), "gzip"), (gzip.compress(BODY), "x-gzip"),
                         (zlib.compress(BODY), "deflate"), (bare(BODY), "deflate"), (BODY, "identity")):
        answer = await ask(gateway, coded(data, coding)(gateway))
        assert answer.status == 200 and b"hello" in answer.body, (coding, answer.status, answer.body)


@check("damaged, cut and followed compressed bodies are a 400, bombs a 413, unknown codings a 415 that says what is taken")
async def _(gateway):
    whole = gzip.compress(BODY)
    for data in (whole[:-1], whole[:20], b"", BODY, whole + b"x", whole[:-8] + b"\0" * 8, zlib.compress(BODY)):
        answer = await ask(gateway, coded(data)(gateway))
        assert answer.status == 400 and json.loads(answer.body)["error"]["param"] == "content-encoding", (data[:30], answer.status, answer.body)
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert (await ask(gateway, coded(bomb)(gateway))).status == 413
    for coding in ("br", "zstd", "gzip, gzip"):
        answer = await ask(gateway, coded(whole, coding)(gateway))
        assert answer.status == 415 and answer.headers["accept-encoding"] == "gzip, deflate", (coding, answer.status)


@check("a content type may be missing, or be JSON; another is a 400")
async def _(gateway):
    for kind, expected in ((), 200), (("content-type: application/json; charset=utf-8",), 200), (("content-type: text/html",), 400):
        assert (await ask(gateway, request(gateway, *kind, body=BODY))).status == expected, kind


async def drip(gateway, data, pause):
    """Sends a byte at a time until there is an answer."""
    reader, writer = await connect(gateway)

    async def send():
        for byte in data:
            writer.write(bytes([byte]))
            await asyncio.sleep(pause)

    sending = asyncio.create_task(send())
    async with asyncio.timeout(PATIENCE):
        answer = await reader.read()
    sending.cancel()
    writer.close()
    return statuses(answer)


@check("heads and bodies that drip are a 408, and so is one of chunks whose extensions drip")
async def _(gateway):
    slow = await asyncio.gather(
        drip(gateway, request(gateway, body=BODY), 0.1), drip(gateway, request(gateway, "content-length: 90000") + b"{" * 5_000, 0.01),
        drip(gateway, request(gateway, CHUNKED) + b"2;" + b"a" * 5_000, 0.01))
    # The first may have its head and no body in time.
    assert slow == [[408]] * 3, slow


@check("a reader that takes nothing of a long stream costs no memory")
async def _(gateway):
    before = gateway.resident_kilobytes
    body = BODY.replace(b"echo", b"say:20000").replace(b'{"model', b'{"stream":true,"model')
    held = []
    for _ in range(10):
        reader, writer = await connect(gateway, buffer=4096)
        writer.transport.pause_reading()
        writer.write(request(gateway, body=body))
        held.append((reader, writer))
    await asyncio.sleep(5)
    grown = gateway.resident_kilobytes - before
    for _, writer in held:
        writer.transport.abort()
    print(f"# 10 readers that take nothing: {grown // 1000} MB more")
    assert grown < 60_000, grown
    await gateway.provider_stats("exactly=active:0")
