"""What users of OpenAI's Python client rely on, tried through the gateway with the scripted provider behind it."""
import asyncio
import json
import os
import ssl
import sys
import urllib.request

import httpx2
import openai

tls = f"https://{os.environ['AGENTSHIELD_ADDRESS']}/v1"
key = os.environ["AGENTSHIELD_API_KEY"]
trust = ssl.create_default_context(cafile=os.environ["AGENTSHIELD_CA_FILE"])
checks = []


def check(name):
    return lambda function: checks.append((name, function))


def client(**options):
    settings = {"base_url": tls, "api_key": key, "max_retries": 0, "timeout": 30, "http_client": openai.DefaultHttpxClient(verify=trust)}
    return openai.OpenAI(**(settings | options))


def user(text):
    return [{"role": "user", "content": text}]


def provider(path):
    with urllib.request.urlopen(os.environ["SCRIPTED_PROVIDER_URL"] + path, timeout=30) as answer:
        return answer.read().decode()


def raises(error, function):
    try:
        function()
    except error as raised:
        return raised
    raise AssertionError(f"{error.__name__} was not raised")


@check("an answer, its usage and the headers that the gateway adds")
def _():
    raw = client().chat.completions.with_raw_response.create(model="echo", messages=user("hello there"))
    answer = raw.parse()
    assert answer.choices[0].message.content == "hello there", answer
    assert answer.choices[0].finish_reason == "stop", answer
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0, answer.usage
    for header in ["x-request-id", "x-agentshield-cache", "x-agentshield-model"]:
        assert raw.headers.get(header), f"no header {header}"


@check("the provider sees no personal data, the caller gets it back")
def _():
    text = "Write to lucia.perez@example.com about card 4111 1111 1111 1111"
    answer = client().chat.completions.create(model="echo", messages=user(text))
    assert answer.choices[0].message.content == text, answer
    record = provider("/_record")
    assert "EMAIL_1" in record, "the provider saw no placeholder"
    assert "lucia.perez" not in record and "4111" not in record, "the provider saw personal data"


@check("a stream, with usage at its end")
def _():
    text = "one two three lucia@example.com five"
    chunks = list(
        client().chat.completions.create(model="echo", messages=user(text), stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == text
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices and chunk.choices[0].finish_reason] == ["stop"]
    assert chunks[-1].usage.completion_tokens > 0, chunks[-1]
    assert len({chunk.id for chunk in chunks}) == 1, "one stream has several ids"


@check("a tool call, plain and streamed")
def _():
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}]
    arguments = {"model": "tool:look_up", "messages": user("look"), "tools": tools}
    [call] = client().chat.completions.create(**arguments).choices[0].message.tool_calls
    assert call.function.name == "look_up" and json.loads(call.function.arguments) == {"text": "look"}, call
    pieces = [
        piece for chunk in client().chat.completions.create(stream=True, **arguments) if chunk.choices
        for piece in chunk.choices[0].delta.tool_calls or []
    ]
    assert pieces[0].function.name == "look_up", pieces[0]
    assert json.loads("".join(piece.function.arguments or "" for piece in pieces)) == {"text": "look"}, pieces


@check("models are listed")
def _():
    assert "echo" in [model.id for model in client().models.list()]


@check("a wrong key is an AuthenticationError")
def _():
    error = raises(openai.AuthenticationError, lambda: client(api_key="ask_wrong").models.list())
    assert error.status_code == 401 and error.body["message"], error


@check("a wrong type is a BadRequestError that names the field")
def _():
    error = raises(openai.BadRequestError, lambda: client().chat.completions.create(model="echo", messages=user("x"), temperature="hot"))
    assert error.body["param"] == "temperature", error.body


@check("the provider's 429 is a RateLimitError")
def _():
    raises(openai.RateLimitError, lambda: client().chat.completions.create(model="fail-429", messages=user("x")))


@check("the provider's 500 is an InternalServerError")
def _():
    raises(openai.InternalServerError, lambda: client().chat.completions.create(model="fail-500", messages=user("x")))


@check("a provider that sends garbage is an InternalServerError")
def _():
    raises(openai.InternalServerError, lambda: client().chat.completions.create(model="garbage", messages=user("x")))


@check("a stream that breaks raises, and never looks finished")
def _():
    reasons = []

    def read():
        for chunk in client().chat.completions.create(model="say:20+cut", messages=user("x"), stream=True):
            reasons.extend(choice.finish_reason for choice in chunk.choices if choice.finish_reason)

    raises((openai.APIError, httpx2.HTTPError), read)
    assert reasons == [], reasons


@check("a client that leaves a stream closes the provider's request")
def _():
    before = json.loads(provider("/_stats"))["closed_early"]
    stream = client().chat.completions.create(model="say:1000+slow-20ms", messages=user("x"), stream=True)
    next(iter(stream))
    stream.close()
    # Answers once the provider has noticed.
    provider(f"/_stats?at_least=closed_early:{before + 1}")


async def stream_many(count, http2):
    limits = httpx2.Limits(max_connections=8 if http2 else count)
    async with openai.DefaultAsyncHttpxClient(verify=trust, http2=http2, limits=limits) as http:
        many = openai.AsyncOpenAI(base_url=tls, api_key=key, max_retries=0, timeout=60, http_client=http)

        async def one(number):
            text = " ".join(f"word{number}-{index}" for index in range(20))
            stream = await many.chat.completions.create(model="echo+slow-2ms", messages=user(text), stream=True)
            parts = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
            assert "".join(parts) == text, f"stream {number} has another text"

        await asyncio.gather(*(one(number) for number in range(count)))


@check("200 streams at once over HTTP/1.1")
def _():
    asyncio.run(stream_many(200, http2=False))


@check("200 streams at once over HTTP/2")
def _():
    asyncio.run(stream_many(200, http2=True))


failed = False
for name, function in checks:
    try:
        function()
        print(f"ok openai: {name}", flush=True)
    except Exception as error:  # One broken check must not hide the others.
        failed = True
        print(f"not ok openai: {name}\n    {type(error).__name__}: {error}", flush=True)
sys.exit(failed)
