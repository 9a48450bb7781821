"""What LangChain's and LiteLLM's clients make of the gateway, in both dialects, in front of providers of both.

usage: check_frameworks.py BUILD_FOLDER

Starts `agentshield serve` with a scripted provider behind it; prints "ok NAME" or "not ok NAME" for each check.
"""

import asyncio
import json
import os
import sys
import time
import traceback

# Nothing is fetched from elsewhere.
os.environ.update(LITELLM_LOCAL_MODEL_COST_MAP="True", LANGCHAIN_TRACING_V2="false", LITELLM_MODE="PRODUCTION")

import anthropic  # noqa: E402
import litellm  # noqa: E402
import openai  # noqa: E402
from langchain_anthropic import ChatAnthropic  # noqa: E402
from langchain_core.messages import HumanMessage, ToolMessage  # noqa: E402
from langchain_core.tools import tool  # noqa: E402
from langchain_openai import ChatOpenAI, OpenAIEmbeddings  # noqa: E402
from pydantic import BaseModel  # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "wire-python"))
from gateway import Gateway  # noqa: E402

BEHAVIOURS = ("echo", "tool:look_up,note", "tool:Person", "fail-400", "fail-429", "fail-503", "slow-20ms+say:500", "cut+say:8")
MODELS = "".join(f'  - {{name: "{dialect}-{behaviour}", provider: {provider}, upstream_name: "{behaviour}", cache: {{mode: "off"}}}}\n'
                 for dialect, provider in (("messages", "anthropic"), ("chat", "scripted")) for behaviour in BEHAVIOURS)
TEXT = "Write to ana@example.com about the invoice."
litellm.suppress_debug_info = True
litellm.telemetry = False


class Person(BaseModel):
    """Somebody."""

    text: str


@tool
def look_up(text: str) -> str:
    """Looks something up."""
    return text


@tool
def note(text: str) -> str:
    """Notes something."""
    return text


TOOLS = [{"type": "function", "function": {"name": name, "description": "A tool", "parameters": {
    "type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}}} for name in ("look_up", "note")]


def stats(gateway, wait_for=""):
    return asyncio.run(gateway.provider_stats(wait_for))


def raises(kinds, call):
    try:
        call()
    except kinds as error:
        return error
    raise AssertionError("it was answered")


def waited(gateway, call, seconds=2):
    """A client that retries waits for as long as it is told: the scripted provider asks for two seconds."""
    before, began = stats(gateway)["requests"], time.monotonic()
    call()
    calls, took = stats(gateway)["requests"] - before, time.monotonic() - began
    assert calls >= 2 and took >= seconds, (calls, took)


# LangChain

def chain(gateway, surface, behaviour, **more):
    """A model of LangChain that speaks the surface's dialect."""
    more = {"max_retries": 0, **more}
    if surface == "openai":
        return ChatOpenAI(model=behaviour, stream_usage=True, base_url=f"http://127.0.0.1:{gateway.http_port}/v1", api_key=more.pop("key", gateway.key), **more)
    return ChatAnthropic(model=behaviour, base_url=f"http://127.0.0.1:{gateway.http_port}", api_key=more.pop("key", gateway.key), max_tokens=1000, **more)


def langchain_whole(gateway, surface, dialect):
    answer = chain(gateway, surface, f"{dialect}-echo").invoke(TEXT)
    assert answer.text == TEXT and answer.usage_metadata["output_tokens"] == 6, answer


def langchain_streamed(gateway, surface, dialect):
    whole = None
    for piece in chain(gateway, surface, f"{dialect}-echo").stream(TEXT):
        whole = piece if whole is None else whole + piece
    assert whole.text == TEXT and whole.usage_metadata["output_tokens"] == 6, whole


def langchain_tools(gateway, surface, dialect):
    """Two calls at once, whole and streamed, then their results and the answer."""
    model = chain(gateway, surface, f"{dialect}-tool:look_up,note").bind_tools([look_up, note])
    whole, streamed = model.invoke("find it"), None
    for piece in model.stream("find it"):
        streamed = piece if streamed is None else streamed + piece
    for answer in (whole, streamed):
        assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("look_up", {"text": "find it"}), ("note", {"text": "find it"})], answer
    results = [ToolMessage(content=f"{call['name']} done", tool_call_id=call["id"]) for call in whole.tool_calls]
    assert model.invoke([HumanMessage("find it"), whole, *results]).text == "The tool answered: look_up done note done"


def langchain_structured(gateway, surface, dialect):
    by_tool = chain(gateway, surface, f"{dialect}-tool:Person").with_structured_output(Person, method="function_calling")
    assert by_tool.invoke("somebody") == Person(text="somebody")
    if (surface, dialect) in (("openai", "chat"), ("anthropic", "messages")):
        by_schema = chain(gateway, surface, f"{dialect}-echo").with_structured_output(Person, method="json_schema")
        assert by_schema.invoke('{"text": "somebody"}') == Person(text="somebody")


def langchain_errors(gateway, surface, dialect):
    package = {"openai": openai, "anthropic": anthropic}[surface]
    for behaviour, kind in (("fail-400", package.BadRequestError), ("fail-429", package.RateLimitError), ("fail-503", package.InternalServerError)):
        error = raises(kind, lambda behaviour=behaviour: chain(gateway, surface, f"{dialect}-{behaviour}").invoke(TEXT))
        assert error.response.headers["x-request-id"].startswith("req_"), error
    raises(package.AuthenticationError, lambda: chain(gateway, surface, f"{dialect}-echo", key="wrong").invoke(TEXT))
    raises(package.NotFoundError, lambda: chain(gateway, surface, "unknown").invoke(TEXT))
    # The package's own name for an error in a stream.
    raises(package.APIError, lambda: list(chain(gateway, surface, f"{dialect}-cut+say:8").stream(TEXT)))


def langchain_retries(gateway, surface, dialect):
    waited(gateway, lambda: raises(Exception, lambda: chain(gateway, surface, f"{dialect}-fail-429", max_retries=1).invoke(TEXT)))


def langchain_leaves(gateway, surface, dialect):
    def begin():
        stream = chain(gateway, surface, f"{dialect}-slow-20ms+say:500").stream(TEXT)
        next(stream)
        return stream.close
    gateway.leave(begin)


# LiteLLM

def lite(gateway, surface, behaviour, **more):
    base = f"http://127.0.0.1:{gateway.http_port}" + ("/v1" if surface == "openai" else "")
    messages = more.pop("messages", [{"role": "user", "content": more.pop("text", TEXT)}])
    return litellm.completion(model=f"{surface}/{behaviour}", api_base=base, messages=messages, max_tokens=1000,
                              **{"api_key": gateway.key, "num_retries": 0, "max_retries": 0, **more})


def litellm_whole(gateway, surface, dialect):
    answer = lite(gateway, surface, f"{dialect}-echo")
    assert answer.choices[0].message.content == TEXT and answer.usage.completion_tokens == 6, answer


def litellm_streamed(gateway, surface, dialect):
    pieces = list(lite(gateway, surface, f"{dialect}-echo", stream=True, stream_options={"include_usage": True}))
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices) == TEXT, pieces
    assert pieces[-1].usage.completion_tokens == 6, pieces[-1]


def litellm_tools(gateway, surface, dialect):
    request = {"text": "find it", "tools": TOOLS}
    whole = lite(gateway, surface, f"{dialect}-tool:look_up,note", **request)
    streamed = litellm.stream_chunk_builder(list(lite(gateway, surface, f"{dialect}-tool:look_up,note", stream=True, **request)))
    for answer in (whole, streamed):
        calls = answer.choices[0].message.tool_calls
        assert [(call.function.name, json.loads(call.function.arguments)) for call in calls] == [
            ("look_up", {"text": "find it"}), ("note", {"text": "find it"})], answer
    results = [{"role": "tool", "tool_call_id": call.id, "content": f"{call.function.name} done"} for call in whole.choices[0].message.tool_calls]
    messages = [{"role": "user", "content": "find it"}, whole.choices[0].message.model_dump(exclude_none=True), *results]
    answer = lite(gateway, surface, f"{dialect}-tool:look_up,note", messages=messages, tools=TOOLS)
    assert answer.choices[0].message.content == "The tool answered: look_up done note done", answer


def litellm_structured(gateway, surface, dialect):
    if surface == "openai" and dialect == "chat":
        answer = lite(gateway, surface, f"{dialect}-echo", text='{"text": "somebody"}', response_format=Person)
        assert Person.model_validate_json(answer.choices[0].message.content) == Person(text="somebody"), answer


def litellm_errors(gateway, surface, dialect):
    # Anthropic's word for overload is 529, which the package knows as a server's error.
    overloaded = litellm.ServiceUnavailableError if surface == "openai" else litellm.InternalServerError
    for behaviour, kind in (("fail-400", litellm.BadRequestError), ("fail-429", litellm.RateLimitError), ("fail-503", overloaded)):
        raises(kind, lambda behaviour=behaviour: lite(gateway, surface, f"{dialect}-{behaviour}"))
    raises(litellm.AuthenticationError, lambda: lite(gateway, surface, f"{dialect}-echo", api_key="wrong"))
    raises(litellm.NotFoundError, lambda: lite(gateway, surface, "unknown"))
    raises(Exception, lambda: list(lite(gateway, surface, f"{dialect}-cut+say:8", stream=True)))


def litellm_retries(gateway, surface, dialect):
    """OpenAI's package does the retries of its dialect; of Anthropic's LiteLLM does them by itself, at once."""
    def ask():
        raises(litellm.RateLimitError, lambda: lite(gateway, surface, f"{dialect}-fail-429", num_retries=1, max_retries=None))
    waited(gateway, ask, seconds=2 if surface == "openai" else 0)


def litellm_leaves(gateway, surface, dialect):
    def begin():
        stream = lite(gateway, surface, f"{dialect}-slow-20ms+say:500", stream=True)
        next(iter(stream))
        inner = stream.completion_stream
        # OpenAI's package has the connection in `response`, LiteLLM's own clients in a generator over it.
        return inner.response.close if hasattr(inner, "response") else inner.close
    gateway.leave(begin)


def embeddings(gateway, base):
    """The base64 form that OpenAI's package asks for, and lists."""
    model = OpenAIEmbeddings(model="echo-embed", base_url=base, api_key=gateway.key, check_embedding_ctx_length=False)
    vectors = model.embed_documents(["one", "two"])
    assert len(vectors) == 2 and all(isinstance(number, float) for vector in vectors for number in vector), vectors
    answer = litellm.embedding(model="openai/echo-embed", input=["one", "two"], api_base=base, api_key=gateway.key)
    assert len(answer.data) == 2, answer


CHECKS = (langchain_whole, langchain_streamed, langchain_tools, langchain_structured, langchain_errors, langchain_retries, langchain_leaves,
          litellm_whole, litellm_streamed, litellm_tools, litellm_structured, litellm_errors, litellm_retries, litellm_leaves)


async def main():
    failed = 0

    async def tried(name, call, *arguments):
        nonlocal failed
        try:
            async with asyncio.timeout(120):
                await asyncio.to_thread(call, *arguments)
            print("ok", name, flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print("not ok", name, "\n# " + traceback.format_exc().replace("\n", "\n# "), flush=True)

    models = MODELS + '  - {name: "echo-embed", provider: scripted, upstream_name: "echo", cache: {mode: "off"}}\n'
    async with Gateway(sys.argv[1], models=models) as gateway:
        for surface in ("openai", "anthropic"):
            for dialect in ("chat", "messages"):
                for check in CHECKS:
                    await tried(f"frameworks: {check.__name__.replace('_', ', ')}, as {surface}, provider of {dialect}", check, gateway, surface, dialect)
        await tried("frameworks: embeddings", embeddings, gateway, f"http://127.0.0.1:{gateway.http_port}/v1")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    asyncio.run(main())
