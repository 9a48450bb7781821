"""Requests and answers, flow control, cancellation and deadlines."""

import asyncio
import random
import struct

from check_frames import welcomed, whole_answer
from check_vectors import code_of
from wire import (BEGIN, CANCEL, COMPRESSED, DELTA, END, END_STREAM, LZ4, MORE, PADDING, PING, REQUEST, SCHEMA, Client, Violation, chat, compress,
                  credit, frame, request)

CHECKS = []
SMALL = {"initial_stream_credit": 16_384, "initial_connection_credit": 16_384}


def check(name):
    def register(function):
        CHECKS.append((name, function))
        return function
    return register


def words(count, seed):
    """Text that compresses badly."""
    source = random.Random(seed)
    return " ".join(f"{source.getrandbits(60):x}" for _ in range(count))


def long_text(kilobytes):
    """Few long words, each a chunk of the provider's: many bytes in few DELTAs."""
    return " ".join(["w" * 511] * (2 * kilobytes))


def content(answer):
    """A whole chat's text."""
    return answer.result["chat"]["choices"][0]["items"][0]["data"].decode()


async def refused(client, body, error, param=None):
    answer = await client.ask(body)
    if answer.error is None or answer.error["code"] != code_of(error) or (param and answer.error.get("param") != param):
        raise Violation(f"{error} {param or ''} was due: {answer.error or answer.end}")
    return answer


@check("a streamed and a whole chat, with and without LZ4")
async def _(gateway):
    for features in (0, LZ4, LZ4 | PADDING, PADDING):
        async with await Client.open(gateway, features) as client:
            text = words(300, 1) + " " + "z" * 50_000
            streamed = await client.ask(chat("echo", text))
            assert streamed.text == text, streamed.text[:100]
            assert streamed.end["finishes"] == [{"reason": 1, "provider_reason": "stop"}] and streamed.end["attempts"] == 1
            whole = await client.ask(chat("echo", text, stream=False))
            assert whole.deltas == 0 and content(whole) == streamed.text
            assert bool(client.compressed_frames) == (client.features & LZ4 != 0), client.compressed_frames


@check("characters are never cut, whatever the provider sends")
async def _(gateway):
    text = "Grüße, 你好, 🌍🏽 und ñandú" * 20
    async with await Client.open(gateway) as client:
        for model in ("pieces:1", "pieces:3+escaped", "echo+escaped"):
            assert (await client.ask(chat(model, text))).text == text


@check("two choices are told apart")
async def _(gateway):
    async with await Client.open(gateway) as client:
        body = chat("say:6")
        body["chat"]["choices"] = 2
        answer = await client.ask(body)
        assert {choice for choice, _ in answer.items} == {0, 1} and [f.get("choice", 0) for f in answer.end["finishes"]] == [0, 1]


@check("a tool call comes with id, name and arguments")
async def _(gateway):
    async with await Client.open(gateway) as client:
        body = chat("tool:look_up", "the invoice")
        body["chat"]["tools"] = [{"name": "look_up", "parameters_json": b'{"type":"object"}'}]
        answer = await client.ask(body)
        assert b"the invoice" in next(iter(answer.items.values())) and answer.end["finishes"][0]["reason"] == 3, (answer.items, answer.error)
        body["chat"]["stream"] = False
        item = (await client.ask(body)).result["chat"]["choices"][0]["items"][0]
        assert item["kind"] == 3 and item["name"] == "look_up" and item["id"], item


@check("models, and operations that are not offered")
async def _(gateway):
    async with await Client.open(gateway) as client:
        answer = await client.ask({"models": {}})
        assert {"stream", "whole"} <= {model["id"] for model in answer.result["models"]["models"]}
        answer = await client.ask({"models": {"id": "whole"}})
        assert [model["id"] for model in answer.result["models"]["models"]] == ["whole"]
        await refused(client, {"models": {"id": "nothing"}}, "model_not_found")
        await refused(client, {"feedback": {"receipt_id": "x"}}, "invalid_request")
        await refused(client, {"resume": {"response_id": "x"}}, "resume_unavailable")
        await refused(client, {}, "unsupported")


@check("embeddings: a vector for each text, scrubbed, with usage")
async def _(gateway):
    async with await Client.open(gateway) as client:
        # The scripted provider's vectors: characters, words, vowels.
        answer = await client.ask({"embeddings": {"model": "echo", "input": ["one two", "Mail ana@example.com"]}})
        vectors = [entry["values"] for entry in sorted(answer.result["embeddings"]["embeddings"], key=lambda entry: entry.get("index", 0))]
        assert vectors == [[7, 2, 3], [14, 2, 2]], answer.result
        assert answer.end["usage"]["input"] == 4 and answer.end["scrubbed"][0]["kind"] == "EMAIL", answer.end
        await refused(client, {"embeddings": {"model": "echo"}}, "invalid_request", "embeddings.input")
        await refused(client, {"embeddings": {"model": "echo", "input": ["x"], "extra_json": b'{"model":"y"}'}}, "invalid_request",
                      "embeddings.extra_json")


@check("what a chat needs, and which field is at fault")
async def _(gateway):
    async with await Client.open(gateway) as client:
        good = chat("echo")["chat"]
        cases = [({"model": ""}, "chat.model"), ({"messages": []}, "chat.messages"), ({"messages": [{"parts": [{"text": "x"}]}]}, "chat.messages[0].role"),
                 ({"messages": [{"role": 99, "parts": [{"text": "x"}]}]}, "chat.messages[0].role"),
                 ({"messages": [{"role": 3, "parts": [{}]}]}, None), ({"messages": [{"role": 3, "tool_calls": [{"id": "a", "name": "b"}]}]}, None),
                 ({"tool_choice": {"mode": 4}}, "chat.tool_choice.name"),
                 ({"tool_choice": {"mode": 77}}, "chat.tool_choice.mode"), ({"tools": [{}]}, "chat.tools[0].name"),
                 ({"tools": [{"name": "f", "parameters_json": b"3"}]}, "chat.tools[0].parameters_json"),
                 ({"messages": [{"role": 5}]}, "chat.messages[0].tool_call_id"), ({"temperature": float("nan")}, "chat.temperature"), ({"top_p": float("-inf")}, "chat.top_p"), ({"choices": 0}, "chat.choices"),
                 ({"extra_json": b"[]"}, "chat.extra_json"), ({"extra_json": b"{"}, "chat.extra_json"),
                 ({"extra_json": b'{"model":"other"}'}, "chat.extra_json"), ({"extra_json": b'{"\\u006dodel":"other"}'}, "chat.extra_json"),
                 ({"extra_json": b'{"n":3}'}, "chat.extra_json"), ({"extra_json": b'{"a":1,"a":2}'}, "chat.extra_json"),
                 ({"response_format": {"kind": 9}}, "chat.response_format.kind")]
        for change, param in cases:
            try:
                await refused(client, {"chat": {**good, **change}}, "invalid_request", param)
            except Violation as problem:
                raise Violation(f"{change}: {problem}") from None
        assert (await client.ask({"cache": 9, "chat": good})).error is None
        assert (await client.ask({"chat": {**good, "messages": good["messages"] + [{"role": 3}]}})).error is None
        await refused(client, chat("no-such-model"), "model_not_found")


@check("a key of the request replaces HELLO's, also a wrong one")
async def _(gateway):
    async with await Client.open(gateway) as client:
        await refused(client, chat("echo", credential="wrong"), "unauthenticated")
        assert (await client.ask(chat("echo", "x", credential=gateway.key))).text == "x"


@check("each failure of a provider has its code")
async def _(gateway):
    async with await Client.open(gateway) as client:
        for model, error in (("fail-400", "upstream_rejected"), ("fail-401", "upstream_credential"), ("fail-429", "upstream_rate_limited"),
                             ("fail-500", "upstream_error"), ("fail-503", "upstream_overloaded"), ("garbage", "upstream_bad_answer"),
                             ("empty", "upstream_bad_answer"), ("html", "upstream_bad_answer"), ("say:50+cut", "stream_broken")):
            answer = await refused(client, chat(model), error)
            assert answer.error.get("request_id") and "message" in answer.error, answer.error
        for model in ("cut", "garbage", "empty"):
            assert (await client.ask(chat(model, stream=False))).error is not None
        assert (await client.ask(chat("fail-429"))).error["retry_after_ms"] > 0


@check("a prompt of 1 MB, in all ways of cutting and compressing it")
async def _(gateway):
    text = "".join(random.Random(2).choices("abcdefghijklm", k=1_000_000))  # one word, so that few DELTAs bring it back
    for features in (0, LZ4):
        async with await Client.open(gateway, features) as client:
            answer = await client.ask(chat("echo", text))
            assert answer.text == text
            assert client.connection_credits >= 1
    async with await Client.open(gateway) as client:
        assert (await client.ask(chat("bench", "the same words again, " * 47_000))).end
        await refused(client, chat("echo", "x" * 4_300_000), "request_too_large")
        assert (await client.ask(chat("echo", "after"))).text == "after"


@check("fragments of a byte, of random lengths, empty ones, interleaved over 50 streams")
async def _(gateway):
    source = random.Random(3)
    pieces, texts = [], {}
    for stream in range(1, 101, 2):
        texts[stream] = words(source.randrange(1, 60), stream)
        message = SCHEMA.encode("Request", chat("echo", texts[stream]))
        whole, at = struct.pack(">I", len(message)) + message, 4
        cut = [frame(REQUEST, stream, whole[:4], MORE)]
        while at < len(whole):
            size = source.choice((1, 1, 2, 7, 30, 200))
            last = at + size >= len(whole)
            cut.append(frame(REQUEST, stream, whole[at:at + size], END_STREAM if last else MORE))
            at += size
        pieces.append(cut)
    merged = [cut.pop(0) for cut in pieces]  # streams open in their order
    while any(pieces):
        merged.append(source.choice([cut for cut in pieces if cut]).pop(0))
    async with await welcomed(gateway, *merged) as connection:
        answers = dict.fromkeys(texts, b"")
        ended = 0
        while ended < len(texts):
            received, _ = await connection.expect(BEGIN, DELTA, END)
            ended += received.type == END
            if received.type == DELTA:
                payload = SCHEMA.decode("Delta", received.payload)
                answers[received.stream] += payload.get("data", b"")
        assert {stream: text.decode() for stream, text in answers.items()} == texts


@check("200 streams at once, each with its own answer")
async def _(gateway):
    async with await Client.open(gateway) as client:
        answers = [client.start(chat(f"echo+slow-{n % 5}ms", words(10 + n % 30, n))) for n in range(200)]
        await asyncio.gather(*(answer.wait() for answer in answers))
        assert [answer.text for answer in answers] == [words(10 + n % 30, n) for n in range(200)], client.failure


@check("the 257th stream is refused, and the next after an end is not")
async def _(gateway):
    async with await Client.open(gateway) as client:
        while client.welcome is None:
            await asyncio.sleep(0.01)
        hanging = [client.start(chat("hang")) for _ in range(client.limits["max_concurrent_streams"])]
        answer = await refused(client, chat("echo"), "too_many_streams")
        assert answer.error["retryable"]
        client.cancel(hanging[7])
        assert (await client.ask(chat("echo", "room"))).text == "room"


@check("an answer stops at its stream's credit, others go on, and it ends with the credit")
async def _(gateway):
    async with await Client.open(gateway, 0, {"initial_stream_credit": 16_384}, auto_credit=False) as client:
        stopped = client.start(chat("echo", long_text(64)))
        await stopped.began.wait()
        assert (await client.ask(chat("echo", "other"))).text == "other"
        while stopped.left >= 8_192:
            await asyncio.sleep(0.01)
        # What would come beyond the credit would come now.
        await asyncio.sleep(0.2)
        assert not stopped.over and 0 <= stopped.left < 8_192
        # As little as is not counted as small.
        while not stopped.over:
            client.give(1, 4_096)
            await asyncio.sleep(0.001)
        assert stopped.end and stopped.text == long_text(64)


@check("a byte of credit at a time")
async def _(gateway):
    async with await Client.open(gateway, 0, SMALL, auto_credit=False) as client:
        answer = client.start(chat("say:1800"))
        await answer.began.wait()
        await asyncio.sleep(0.3)
        assert not answer.over
        for _ in range(1_500):
            client.give(0, 1)
            client.give(1, 1)
        client.give(1, 100_000)
        client.give(0, 100_000)
        await answer.wait()
        assert answer.end and len(answer.text.split()) == 1_800, (answer.error, client.error, client.failure)


@check("the connection's credit stops all but BEGIN, END, ERROR and PONG")
async def _(gateway):
    async with await Client.open(gateway, 0, SMALL, auto_credit=False) as client:
        greedy = client.start(chat("echo", long_text(64)))
        await greedy.began.wait()
        await asyncio.sleep(0.2)
        await refused(client, chat("no-such-model"), "model_not_found")
        waiting = client.start(chat("echo", long_text(12)))
        await waiting.began.wait()
        client.connection.send(frame(PING, 0, b"are you?"))
        assert await asyncio.wait_for(client.pongs.get(), 5) == b"are you?"
        assert not waiting.over and not greedy.over
        client.cancel(greedy)
        client.give(0, 1_000_000)
        await waiting.wait()
        assert waiting.text == long_text(12)


@check("streams that wait for the connection's credit take turns")
async def _(gateway):
    async with await Client.open(gateway, 0, {"initial_connection_credit": 16_384}, auto_credit=False) as client:
        answers = [client.start(chat("echo", long_text(64))) for _ in range(4)]
        await asyncio.gather(*(answer.began.wait() for answer in answers))
        await asyncio.sleep(0.3)
        for _ in range(8):
            client.give(0, 16_384)
            await asyncio.sleep(0.02)

        def all_taken():
            return [sum(map(len, answer.items.values())) for answer in answers]

        # Until the credit is used up, and nothing more comes.
        taken = []
        while taken != (taken := all_taken()) or min(taken) == 0:
            await asyncio.sleep(0.3)
        assert min(taken) > 0 and max(taken) < 2 * min(taken) + 16_384, taken
        client.give(0, 1_000_000)
        await asyncio.gather(*(answer.wait() for answer in answers))


@check("a whole answer waits for credit, too, and can be cancelled while it waits")
async def _(gateway):
    async with await Client.open(gateway, 0, SMALL, auto_credit=False) as client:
        first, second = (client.start(chat("echo", long_text(64), stream=False)) for _ in range(2))
        await asyncio.gather(first.began.wait(), second.began.wait())
        await asyncio.sleep(0.2)
        client.cancel(first)
        client.give(0, 1_000_000)
        client.give(3, 1_000_000)
        await second.wait()
        assert content(second) == long_text(64)


@check("a result that the client finds too large")
async def _(gateway):
    async with await Client.open(gateway, 0, {"max_message_bytes": 1_000}) as client:
        await refused(client, chat("say:1000", stream=False), "answer_too_large")
        assert (await client.ask(chat("say:1000"))).end


@check("small frames are kept to")
async def _(gateway):
    for features in (0, LZ4, PADDING):
        async with await Client.open(gateway, features, {"max_frame_bytes": 8_192}) as client:
            for text in (long_text(100), "x" * 100_000):
                assert (await client.ask(chat("echo", text))).text == text
                assert content(await client.ask(chat("echo", text, stream=False))) == text


@check("CANCEL at every moment ends the stream and the provider's work")
async def _(gateway):
    before = await gateway.provider_stats("exactly=active:0")
    stop = frame(CANCEL, 1, {"reason": 1})
    whole = request(1, chat("say:500+slow-5ms"))
    message = SCHEMA.encode("Request", chat("say:500+slow-5ms"))
    first = frame(REQUEST, 1, struct.pack(">I", len(message)) + message[:10], MORE)
    ask_again = request(3, chat("echo", "next"))
    for pieces in ([first, stop], [whole, stop], [whole, stop, stop, stop], [first, frame(REQUEST, 1, message[10:], END_STREAM), stop]):
        async with await welcomed(gateway, *pieces, ask_again) as connection:  # with HELLO, before WELCOME
            assert await whole_answer(connection, 3) == "next"
        async with await welcomed(gateway) as connection:
            for piece in pieces + [ask_again]:
                connection.send(piece)
                await connection.writer.drain()
                await asyncio.sleep(0.01)
            await skip_to(connection, 3)
    for after in (BEGIN, DELTA):
        async with await welcomed(gateway, whole) as connection:
            while (await connection.read()).type != after:
                pass
            connection.send(stop, ask_again)
            await skip_to(connection, 3)
    async with await welcomed(gateway, request(1, chat("echo", "done"))) as connection:
        assert await whole_answer(connection, 1) == "done"
        connection.send(stop, credit(1, 10), stop, ask_again)
        assert await whole_answer(connection, 3) == "next"
    after = await gateway.provider_stats("exactly=active:0")
    assert after["requests"] > before["requests"]


async def skip_to(connection, stream):
    """Frames of stream 1 that were under way may come until the answer on `stream` begins, none after."""
    while (received := await connection.read()).stream != stream:
        if received.stream != 1 or received.type not in (BEGIN, DELTA):
            raise Violation(f"{received}")
    while received.type != END:
        received = await connection.read()
        assert received.stream == stream, received


@check("a deadline passes before, amid and behind the provider's answer")
async def _(gateway):
    async with await Client.open(gateway, 0, SMALL, auto_credit=False) as client:
        for model in ("hang", "hang-mid", "say:500+slow-20ms"):
            await refused(client, chat(model, deadline_ms=150), "deadline_exceeded")
        stuck = await refused(client, chat("echo", long_text(64), deadline_ms=2_000), "deadline_exceeded")
        assert stuck.begin
    await gateway.provider_stats("exactly=active:0")


@check("a deadline counts from the last fragment")
async def _(gateway):
    message = SCHEMA.encode("Request", chat("echo", "late", deadline_ms=700))
    async with await welcomed(gateway, frame(REQUEST, 1, struct.pack(">I", len(message)) + message[:3], MORE)) as connection:
        await asyncio.sleep(0.9)
        connection.send(frame(REQUEST, 1, message[3:], END_STREAM))
        assert await whole_answer(connection, 1) == "late"


@check("a compressed fragment after plain ones, and a compressed one that ends the message")
async def _(gateway):
    message = SCHEMA.encode("Request", chat("echo", "z" * 3_000))
    whole = struct.pack(">I", len(message)) + message
    async with await welcomed(gateway, frame(REQUEST, 1, whole[:5], MORE), frame(REQUEST, 1, compress(whole[5:1_500]), MORE | COMPRESSED),
                              frame(REQUEST, 1, compress(whole[1_500:]), END_STREAM | COMPRESSED)) as connection:
        received, _ = await connection.expect(BEGIN)
        while received.type != END:
            received, _ = await connection.expect(DELTA, END)
