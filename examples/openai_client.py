"""OpenAI's own Python package against an AgentShield gateway: nothing changes but the address and the key.

    python3 -m venv venv && venv/bin/pip install -r examples/requirements.txt
    AGENTSHIELD_API_KEY=... AGENTSHIELD_CA_FILE=... venv/bin/python examples/openai_client.py

`make run` prints key and CA file. AGENTSHIELD_URL is the address (https://localhost:8443), AGENTSHIELD_MODEL the model (echo). With
scripted-provider as its upstream the gateway answers with what it was sent, which is what the checks here expect: each prints "ok NAME" or
"not ok NAME", and the exit status says whether all were ok.
"""

import asyncio
import json
import os
import ssl
import sys
import traceback

import openai

URL = os.environ.get("AGENTSHIELD_URL", "https://localhost:8443") + "/v1"
KEY = os.environ["AGENTSHIELD_API_KEY"]
MODEL = os.environ.get("AGENTSHIELD_MODEL", "echo")
TEXT = "Write to ana@example.com about the invoice."
STREAMS_AT_ONCE = 200


def trust():
    """The gateway's development CA, or the system's; strict as Python 3.13 is by default."""
    context = ssl.create_default_context(cafile=os.environ.get("AGENTSHIELD_CA_FILE"))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def client(**options):
    options.setdefault("api_key", KEY)
    return openai.OpenAI(base_url=URL, http_client=openai.DefaultHttpxClient(verify=trust()), **options)


def user(text):
    return [{"role": "user", "content": text}]


def whole_answer():
    response = client().chat.completions.with_raw_response.create(model=MODEL, messages=user(TEXT))
    completion = response.parse()
    assert completion.choices[0].message.content == TEXT, completion
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens > 0
    assert response.headers["x-request-id"]
    assert "EMAIL=1" in response.headers["x-agentshield-scrubbed"], response.headers


def streamed_answer():
    text, finishes, usage, identifiers = "", [], None, set()
    stream = client().chat.completions.create(
        model=MODEL, messages=user(TEXT), stream=True, stream_options={"include_usage": True}
    )
    for chunk in stream:
        identifiers.add(chunk.id)
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finishes += [choice.finish_reason] if choice.finish_reason else []
    assert text == TEXT, text
    assert finishes == ["stop"], finishes
    assert len(identifiers) == 1, identifiers
    assert usage.total_tokens > 0, usage


WEATHER_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather at a place.",
        "parameters": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    },
}


def tool_call():
    """The model calls a tool, gets its result, and answers with it. The scripted model's name says which tool it calls."""
    model = "tool:get_weather" if MODEL == "echo" else MODEL
    messages = user("How is the weather in Lisbon?")
    first = client().chat.completions.create(model=model, messages=messages, tools=[WEATHER_TOOL]).choices[0]
    assert first.finish_reason == "tool_calls", first
    call = first.message.tool_calls[0]
    assert call.function.name == "get_weather", call
    assert json.loads(call.function.arguments), call
    messages += [first.message, {"role": "tool", "tool_call_id": call.id, "content": "Sunny, 24 degrees."}]
    second = client().chat.completions.create(model=model, messages=messages, tools=[WEATHER_TOOL]).choices[0]
    assert "24 degrees" in second.message.content, second


def streamed_tool_call():
    model = "tool:get_weather" if MODEL == "echo" else MODEL
    names, arguments, finish = [], "", None
    for chunk in client().chat.completions.create(
        model=model, messages=user("How is the weather in Lisbon?"), tools=[WEATHER_TOOL], stream=True
    ):
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            for call in choice.delta.tool_calls or []:
                names += [call.function.name] if call.function.name else []
                arguments += call.function.arguments or ""
    assert names == ["get_weather"], names
    assert json.loads(arguments), arguments
    assert finish == "tool_calls", finish


def expect(exception, status, code, create):
    try:
        create()
    except exception as error:
        assert error.status_code == status, error.status_code
        assert error.code == code, error.code
        assert error.request_id, error.response.headers
        return error
    raise AssertionError(f"no {exception.__name__}")


def errors_are_the_packages_exceptions():
    once = client(max_retries=0)
    expect(
        openai.AuthenticationError, 401, "invalid_api_key",
        lambda: client(api_key="wrong").chat.completions.create(model=MODEL, messages=user("x")),
    )
    bad = expect(
        openai.BadRequestError, 400, "invalid_request",
        lambda: once.chat.completions.create(model=MODEL, messages=user("x"), temperature="warm"),
    )
    assert bad.param == "temperature", bad.param
    if MODEL == "echo":
        limited = expect(
            openai.RateLimitError, 429, "upstream_rate_limited",
            lambda: once.chat.completions.create(model="fail-429", messages=user("x")),
        )
        assert limited.type == "rate_limit_error", limited.type


def a_broken_stream_raises():
    """No fake ending: what was cut at the provider is an exception here."""
    if MODEL != "echo":
        return
    text = ""
    try:
        for chunk in client(max_retries=0).chat.completions.create(model="say:20+cut", messages=user("x"), stream=True):
            text += "".join(choice.delta.content or "" for choice in chunk.choices)
    except openai.APIError as error:
        assert error.code == "stream_broken", error
        assert text, "nothing came before the break"
        return
    raise AssertionError("the stream ended as if it were whole")


def models_are_listed():
    names = [model.id for model in client().models.list()]
    assert MODEL in names, names
    assert client().models.retrieve(MODEL).id == MODEL


async def one_stream(asynchronous, number):
    text = ""
    messages = user(f"Stream {number} for user{number}@example.com, word by word")
    async for chunk in await asynchronous.chat.completions.create(model=MODEL, messages=messages, stream=True):
        text += "".join(choice.delta.content or "" for choice in chunk.choices)
    return text == messages[0]["content"]


def many_streams_at_once():
    async def run():
        http_client = openai.DefaultAsyncHttpxClient(verify=trust())
        async with openai.AsyncOpenAI(base_url=URL, api_key=KEY, http_client=http_client, max_retries=0) as asynchronous:
            return await asyncio.gather(*(one_stream(asynchronous, number) for number in range(STREAMS_AT_ONCE)))

    answers = asyncio.run(run())
    assert all(answers), f"{answers.count(False)} of {STREAMS_AT_ONCE} streams are not what was sent"


def main():
    failed = 0
    for check in [
        models_are_listed, whole_answer, streamed_answer, tool_call, streamed_tool_call, errors_are_the_packages_exceptions,
        a_broken_stream_raises, many_streams_at_once,
    ]:
        name = "openai package: " + check.__name__.replace("_", " ")
        try:
            check()
            print("ok", name, flush=True)
        except Exception:
            traceback.print_exc()
            print("not ok", name, flush=True)
            failed += 1
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
