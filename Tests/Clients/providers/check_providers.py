"""What Ollama's and Google's own Python packages make of the scripted provider: it stands for their servers in every other test.

usage: check_providers.py BUILD_FOLDER

Starts `scripted-provider`; prints "ok NAME" or "not ok NAME" for each check.
"""

import os
import re
import subprocess
import sys
import traceback

import ollama
from google import genai
from google.genai import errors, types

TEXT = "Write to ana about the invoice."
SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}}


class Ollama:
    name = "ollama package"

    def __init__(self, url):
        self.client = ollama.Client(host=url)

    def ask(self, model, **more):
        return self.client.chat(model=model, messages=[{"role": "user", "content": TEXT}], **more)

    def whole(self):
        answer = self.ask("echo")
        assert answer.message.content == TEXT and answer.done and answer.done_reason == "stop", answer
        assert answer.prompt_eval_count == 6 and answer.eval_count == 6, answer

    def streamed(self):
        pieces = list(self.ask("echo", stream=True))
        assert "".join(piece.message.content or "" for piece in pieces) == TEXT and len(pieces) > 3, pieces
        assert [piece.done for piece in pieces] == [False] * (len(pieces) - 1) + [True], pieces

    def tools(self):
        tools = [{"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in ("look_up", "note")]
        for answer in (self.ask("tool:look_up,note", tools=tools), *[p for p in self.ask("tool:look_up,note", tools=tools, stream=True)
                                                                      if p.message.tool_calls]):
            for call in answer.message.tool_calls:
                assert call.function.name in ("look_up", "note") and call.function.arguments == {"text": TEXT}, answer

    def failures(self):
        for status in (400, 429, 500):
            try:
                self.ask(f"fail-{status}")
                raise AssertionError("it was answered")
            except ollama.ResponseError as error:
                assert error.status_code == status and error.error, error

    def embeddings(self):
        vectors = self.client.embed(model="echo", input=[TEXT, "Another"]).embeddings
        assert len(vectors) == 2 and all(isinstance(number, float) for number in vectors[0]), vectors


class Gemini:
    name = "google-genai package"

    def __init__(self, url):
        self.client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=url, api_version="v1beta"))

    def ask(self, model, stream=False, **more):
        models = self.client.models
        call = models.generate_content_stream if stream else models.generate_content
        return call(model=model, contents=TEXT, config=types.GenerateContentConfig(**more) if more else None)

    def whole(self):
        answer = self.ask("echo")
        assert answer.text == TEXT and answer.candidates[0].finish_reason == types.FinishReason.STOP, answer
        usage = answer.usage_metadata
        # What was cached is a part of the prompt.
        assert (usage.prompt_token_count, usage.cached_content_token_count, usage.candidates_token_count) == (8, 2, 6), answer

    def streamed(self):
        pieces = list(self.ask("echo", stream=True))
        assert "".join(piece.text or "" for piece in pieces) == TEXT and len(pieces) > 3, pieces
        assert pieces[-1].candidates[0].finish_reason == types.FinishReason.STOP, pieces[-1]

    def tools(self):
        declared = types.Tool(function_declarations=[
            types.FunctionDeclaration(name=name, parameters_json_schema=SCHEMA) for name in ("look_up", "note")])
        manual = types.AutomaticFunctionCallingConfig(disable=True)
        answer = self.ask("tool:look_up,note", tools=[declared], automatic_function_calling=manual)
        assert [call.name for call in answer.function_calls] == ["look_up", "note"], answer
        assert all(call.args == {"text": TEXT} for call in answer.function_calls), answer

    def failures(self):
        for status, kind in ((400, errors.ClientError), (429, errors.ClientError), (500, errors.ServerError)):
            try:
                self.ask(f"fail-{status}")
                raise AssertionError("it was answered")
            except kind as error:
                assert error.code == status and error.message, error

    def embeddings(self):
        answer = self.client.models.embed_content(model="echo", contents=[TEXT, "Another"])
        assert len(answer.embeddings) == 2 and answer.embeddings[0].values, answer

    def counts(self):
        assert self.client.models.count_tokens(model="echo", contents=TEXT).total_tokens == 6


def main():
    failed = 0
    program = os.path.join(sys.argv[1], "scripted-provider")
    with subprocess.Popen([program, "--port", "0"], stdout=subprocess.PIPE, text=True) as provider:
        try:
            url = re.search(r"http://\S+", provider.stdout.readline()).group(0)
            for package in (Ollama(url), Gemini(url)):
                for check in ("whole", "streamed", "tools", "failures", "embeddings", "counts"):
                    if not hasattr(package, check):
                        continue
                    name = f"{package.name}: {check}"
                    try:
                        getattr(package, check)()
                        print("ok", name, flush=True)
                    except Exception:  # pylint: disable=broad-except
                        traceback.print_exc()
                        print("not ok", name, flush=True)
                        failed += 1
        finally:
            provider.terminate()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
