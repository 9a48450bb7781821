"""What OpenAI's own Python package makes of the gateway's Responses, over HTTP and in a WebSocket, and of its older completions, in front of
providers of OpenAI's dialect and of Anthropic's.

usage: check_surfaces.py BUILD_FOLDER

Starts `agentshield serve` with a scripted provider behind it; prints "ok NAME" or "not ok NAME" for each check.
"""

import asyncio
import os
import ssl
import sys
import time
import traceback

import openai
import pydantic

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "wire-python"))
from gateway import Gateway  # noqa: E402

BEHAVIOURS = ("echo", "echo+think", "tool:look_up,note", "fail-400", "fail-401", "fail-429", "fail-529", "slow-20ms+say:500", "cut+say:8", "say:20")
MODELS = "".join(f'  - {{name: "{dialect}-{behaviour}", provider: {provider}, upstream_name: "{behaviour}", cache: {{mode: "off"}}}}\n'
                 for dialect, provider in (("messages", "anthropic"), ("chat", "scripted")) for behaviour in BEHAVIOURS)
TEXT = "Write to ana@example.com about the invoice."
TOOLS = [{"type": "function", "name": name, "description": "A tool", "strict": True,
          "parameters": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"], "additionalProperties": False}}
         for name in ("look_up", "note")]


class Person(pydantic.BaseModel):
    name: str
    age: int


def client(gateway, **options):
    context = ssl.create_default_context(cafile=gateway.ca_file)
    return openai.OpenAI(base_url=f"https://localhost:{gateway.port}/v1", api_key=options.pop("key", gateway.key),
                         http_client=openai.DefaultHttpxClient(verify=context), **{"max_retries": 0, **options})


def whole(gateway, dialect):
    response = client(gateway).responses.create(model=f"{dialect}-echo", input=TEXT, instructions="Be kind.", metadata={"a": "b"})
    # Every field that the package's own model demands is there.
    type(response).model_validate(response.model_dump(by_alias=True), strict=False)
    assert response.output_text == TEXT and response.status == "completed" and response.error is None, response
    assert response.usage.input_tokens > 0 and response.usage.output_tokens == 6, response.usage
    assert response.instructions == "Be kind." and response.metadata == {"a": "b"} and response.parallel_tool_calls is True, response
    assert response.id.startswith("resp_") and response._request_id.startswith("req_"), response  # pylint: disable=protected-access


def streamed(gateway, dialect):
    with client(gateway).responses.stream(model=f"{dialect}-echo+think", input=TEXT) as stream:
        events = list(stream)
        final = stream.get_final_response()
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == TEXT and final.output_text == TEXT and final.status == "completed", (text, final)
    assert [event.sequence_number for event in events] == list(range(len(events))), events
    assert events[0].type == "response.created" and events[-1].type == "response.completed", events
    if dialect == "messages":
        assert final.output[0].type == "reasoning" and final.output[0].encrypted_content, final


def tools(gateway, dialect):
    """Two calls at once, whole and streamed, their results, and the answer."""
    request = {"model": f"{dialect}-tool:look_up,note", "tools": TOOLS, "input": [{"role": "user", "content": TEXT}]}
    with client(gateway).responses.stream(**request) as stream:
        done = [event for event in stream if event.type == "response.function_call_arguments.done"]
        streamed_response = stream.get_final_response()
    assert len(done) == 2, done
    for response in (client(gateway).responses.create(**request), streamed_response):
        calls = [item for item in response.output if item.type == "function_call"]
        assert [call.name for call in calls] == ["look_up", "note"] and all(call.status == "completed" for call in calls), response
    request["input"] += [call.model_dump(exclude={"parsed_arguments"}) for call in calls]
    request["input"] += [{"type": "function_call_output", "call_id": call.call_id, "output": f"{call.name} done"} for call in calls]
    answer = client(gateway).responses.create(**request)
    assert answer.output_text == "The tool answered: look_up done note done", answer


def structured(gateway, dialect):
    """The provider repeats what it is told, which is what was asked for."""
    response = client(gateway).responses.parse(model=f"{dialect}-echo", input='{"name": "Ana", "age": 7}', text_format=Person)
    assert response.output_parsed == Person(name="Ana", age=7), response


def conversation(gateway, dialect):
    """The answer's items go back as they came, signed thinking among them."""
    first = client(gateway).responses.create(model=f"{dialect}-echo+think", input=TEXT, include=["reasoning.encrypted_content"])
    items = [{"role": "user", "content": TEXT}] + [item.model_dump(exclude_none=True) for item in first.output]
    second = client(gateway).responses.create(model=f"{dialect}-echo+think", input=items + [{"role": "user", "content": "And again"}])
    assert second.output_text == "And again", second


def incomplete(gateway, dialect):
    response = client(gateway).responses.create(model=f"{dialect}-say:20", input="x", max_output_tokens=3)
    assert response.status == "incomplete" and response.incomplete_details.reason == "max_output_tokens", response


def errors(gateway, dialect):
    """Each fault is the package's own exception, with the gateway's words and id."""
    expected = {"fail-400": openai.BadRequestError, "fail-429": openai.RateLimitError, "fail-529": openai.InternalServerError,
                "fail-401": openai.InternalServerError}
    for behaviour, kind in expected.items():
        for stream in (False, True):
            try:
                client(gateway).responses.create(model=f"{dialect}-{behaviour}", input=TEXT, stream=stream)
                raise AssertionError(behaviour + " was answered")
            except openai.APIStatusError as error:
                assert isinstance(error, kind), (behaviour, error)
                assert error.request_id.startswith("req_") and error.code, (error.request_id, error.body)
    for call, kind in (
            (lambda: client(gateway, key="wrong").responses.create(model=f"{dialect}-echo", input="x"), openai.AuthenticationError),
            (lambda: client(gateway).responses.create(model="unknown", input="x"), openai.NotFoundError),
            (lambda: client(gateway).responses.create(model=f"{dialect}-echo", input="x", previous_response_id="resp_1"), openai.BadRequestError)):
        try:
            call()
            raise AssertionError("it was answered")
        except kind:
            pass
    try:
        with client(gateway).responses.stream(model=f"{dialect}-cut+say:8", input="x") as stream:
            stream.get_final_response()
        raise AssertionError("a broken stream was taken for whole")
    except openai.APIError as error:
        assert error.code == "stream_broken", error.body


def retries(gateway, dialect):
    """The package waits for as long as it is told before it tries again."""
    began = time.monotonic()
    try:
        client(gateway, max_retries=1).responses.create(model=f"{dialect}-fail-429", input="x")
        raise AssertionError("it was answered")
    except openai.RateLimitError:
        assert time.monotonic() - began >= 2


def cancelled(gateway, dialect):
    def begin():
        stream = client(gateway).responses.create(model=f"{dialect}-slow-20ms+say:500", input="x", stream=True)
        next(event for event in stream if event.type == "response.output_text.delta")
        return stream.close
    gateway.leave(begin)


def web_socket(gateway, dialect):
    """Requests one behind the other on one connection, which go on from each other; an error ends none of them."""
    trust = {"ssl": ssl.create_default_context(cafile=gateway.ca_file)}
    with client(gateway).responses.connect(websocket_connection_options=trust) as connection:
        def ask(**request):
            connection.response.create(model=f"{dialect}-echo", **request)
            events = []
            for event in connection:
                events.append(event)
                if event.type in ("response.completed", "response.failed", "error"):
                    return events
            raise AssertionError("the connection ended")

        events = ask(input=TEXT)
        assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == TEXT, events
        first = events[-1].response
        assert first.status == "completed" and first.store is False, first
        second = ask(input=[{"role": "user", "content": "Then"}], previous_response_id=first.id)[-1].response
        assert second.output_text == "Then" and second.usage.input_tokens > first.usage.input_tokens, (first.usage, second.usage)
        lost = ask(input="x", previous_response_id=first.id)[-1]
        assert lost.type == "error" and lost.error.code == "previous_response_not_found", lost
        assert ask(input="Still here")[-1].response.output_text == "Still here"


def completions(gateway, dialect):
    answer = client(gateway).completions.create(model=f"{dialect}-echo", prompt=TEXT, max_tokens=50)
    assert answer.choices[0].text == TEXT and answer.choices[0].finish_reason == "stop" and answer.usage.completion_tokens == 6, answer
    chunks = list(client(gateway).completions.create(model=f"{dialect}-echo", prompt=TEXT, stream=True, stream_options={"include_usage": True}))
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == TEXT and chunks[-1].usage.prompt_tokens > 0, chunks


async def main():
    failed = 0
    async with Gateway(sys.argv[1], models=MODELS) as gateway:
        for dialect in ("messages", "chat"):
            for check in (whole, streamed, tools, structured, conversation, incomplete, errors, retries, cancelled, web_socket, completions):
                name = f"openai package, provider of {dialect}: {check.__name__}"
                try:
                    await asyncio.to_thread(check, gateway, dialect)
                    print("ok", name, flush=True)
                except Exception:  # pylint: disable=broad-except
                    traceback.print_exc()
                    print("not ok", name, flush=True)
                    failed += 1
    sys.exit(1 if failed else 0)


asyncio.run(main())
