"""What Anthropic's own Python package makes of the gateway, in front of providers of its own dialect and of OpenAI's.

usage: check_messages.py BUILD_FOLDER

Starts `agentshield serve` with a scripted provider behind it; prints "ok NAME" or "not ok NAME" for each check.
"""

import asyncio
import os
import ssl
import sys
import time
import traceback

import anthropic

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "wire-python"))
from gateway import Gateway  # noqa: E402

BEHAVIOURS = ("echo", "echo+think", "tool:look_up,note", "fail-400", "fail-401", "fail-429", "fail-529", "slow-20ms+say:500", "cut+say:8")
MODELS = "".join(f'  - {{name: "{dialect}-{behaviour}", provider: {provider}, upstream_name: "{behaviour}", cache: {{mode: "off"}}}}\n'
                 for dialect, provider in (("messages", "anthropic"), ("chat", "scripted")) for behaviour in BEHAVIOURS)
TEXT = "Write to ana@example.com about the invoice."
TOOLS = [{"name": name, "description": "A tool", "input_schema": {"type": "object", "properties": {"text": {"type": "string"}}}}
         for name in ("look_up", "note")]


def client(gateway, **options):
    context = ssl.create_default_context(cafile=gateway.ca_file)
    return anthropic.Anthropic(base_url=f"https://localhost:{gateway.port}", api_key=options.pop("key", gateway.key),
                               http_client=anthropic.DefaultHttpxClient(verify=context), **{"max_retries": 0, **options})


def ask(model, text=TEXT, **more):
    return {"model": model, "max_tokens": 1000, "messages": [{"role": "user", "content": text}], **more}


def whole(gateway, dialect):
    message = client(gateway).messages.create(**ask(f"{dialect}-echo"))
    assert message.content[0].text == TEXT and message.stop_reason == "end_turn", message
    assert message.usage.input_tokens > 0 and message.usage.output_tokens == 6, message.usage
    assert message._request_id.startswith("req_"), message._request_id  # pylint: disable=protected-access


def streamed(gateway, dialect):
    with client(gateway).messages.stream(**ask(f"{dialect}-echo")) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == TEXT and final.content[0].text == TEXT, (text, final)
    assert final.stop_reason == "end_turn" and final.usage.output_tokens == 6, final


def tools(gateway, dialect):
    """Two calls at once, whole and streamed, their results, and the answer."""
    request = ask(f"{dialect}-tool:look_up,note", tools=TOOLS)
    with client(gateway).messages.stream(**request) as stream:
        streamed_message = stream.get_final_message()
    for message in (client(gateway).messages.create(**request), streamed_message):
        calls = [block for block in message.content if block.type == "tool_use"]
        assert [call.name for call in calls] == ["look_up", "note"] and message.stop_reason == "tool_use", message
        assert all(call.input == {"text": calls[0].input["text"]} for call in calls), message
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": f"{call.name} done"} for call in calls]
    request["messages"] += [{"role": "assistant", "content": [block.model_dump() for block in message.content]},
                            {"role": "user", "content": results}]
    answer = client(gateway).messages.create(**request)
    assert answer.content[0].text == "The tool answered: look_up done note done", answer


def thinking(gateway, dialect):
    """Signed thinking, streamed and sent back."""
    if dialect == "chat":
        return
    request = ask("messages-echo+think", thinking={"type": "enabled", "budget_tokens": 1024}, max_tokens=2000)
    with client(gateway).messages.stream(**request) as stream:
        final = stream.get_final_message()
    assert final.content[0].type == "thinking" and final.content[0].signature, final
    assert "ana@example.com" not in final.content[0].thinking and final.content[1].text == TEXT, final
    request["messages"] += [{"role": "assistant", "content": [block.model_dump() for block in final.content]},
                            {"role": "user", "content": "And again"}]
    assert client(gateway).messages.create(**request).content[1].text == "And again"


def errors(gateway, dialect):
    """Each fault is the package's own exception, with the gateway's words and id."""
    expected = {"fail-400": anthropic.BadRequestError, "fail-429": anthropic.RateLimitError, "fail-529": anthropic.InternalServerError,
                "fail-401": anthropic.InternalServerError}
    for behaviour, kind in expected.items():
        try:
            client(gateway).messages.create(**ask(f"{dialect}-{behaviour}"))
            raise AssertionError(behaviour + " was answered")
        except anthropic.APIStatusError as error:
            assert isinstance(error, kind), (behaviour, error)
            assert error.request_id.startswith("req_") and error.body["type"] == "error", (error.request_id, error.body)
    for call, kind in (
            (lambda: client(gateway, key="wrong").messages.create(**ask(f"{dialect}-echo")), anthropic.AuthenticationError),
            (lambda: client(gateway).messages.create(**ask("unknown")), anthropic.NotFoundError)):
        try:
            call()
            raise AssertionError("it was answered")
        except kind:
            pass
    try:
        with client(gateway).messages.stream(**ask(f"{dialect}-cut+say:8")) as stream:
            stream.get_final_message()
        raise AssertionError("a broken stream was taken for whole")
    except anthropic.APIStatusError as error:
        assert error.body["error"]["type"] == "api_error", error.body


def retries(gateway, dialect):
    """The package waits for as long as it is told before it tries again."""
    began = time.monotonic()
    try:
        client(gateway, max_retries=1).messages.create(**ask(f"{dialect}-fail-429"))
        raise AssertionError("it was answered")
    except anthropic.RateLimitError:
        assert time.monotonic() - began >= 2


def cancelled(gateway, dialect):
    def begin():
        stream = client(gateway).messages.stream(**ask(f"{dialect}-slow-20ms+say:500")).__enter__()
        next(iter(stream.text_stream))
        return stream.close
    gateway.leave(begin)


def counted(gateway, dialect):
    count = client(gateway).messages.count_tokens(model=f"{dialect}-echo", messages=[{"role": "user", "content": TEXT}])
    assert count.input_tokens > 0, count


def listed(gateway, dialect):
    models = [model.id for model in client(gateway).models.list()]
    assert f"{dialect}-echo" in models, models
    assert client(gateway).models.retrieve(f"{dialect}-echo").display_name == f"{dialect}-echo"


async def main():
    failed = 0
    async with Gateway(sys.argv[1], models=MODELS) as gateway:
        for dialect in ("messages", "chat"):
            for check in (whole, streamed, tools, thinking, errors, retries, cancelled, counted, listed):
                name = f"anthropic package, provider of {dialect}: {check.__name__}"
                try:
                    await asyncio.to_thread(check, gateway, dialect)
                    print("ok", name, flush=True)
                except Exception:  # pylint: disable=broad-except
                    traceback.print_exc()
                    print("not ok", name, flush=True)
                    failed += 1
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    asyncio.run(main())
