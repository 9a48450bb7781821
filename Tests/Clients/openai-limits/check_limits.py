"""What OpenAI's own Python package makes of the gateway's limits: headers that it shows its user, refusals that it waits out by itself.

usage: check_limits.py BUILD_FOLDER

Starts `agentshield serve` with a scripted provider behind it; prints "ok NAME" or "not ok NAME" for each check.
"""

import asyncio
import os
import re
import ssl
import sys
import time
import traceback

import openai

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "wire-python"))
from gateway import Gateway  # noqa: E402

# Three requests at once, then one a second; 3,000 model tokens at once, then one a second.
OWN = "\n      limits: {requests_per_minute: 60, burst: 3, tokens_per_minute: 60, token_burst: 3000}"
ONE = {"model": "whole", "messages": [{"role": "user", "content": "one"}], "max_tokens": 100}


def seconds(text):
    """A duration as OpenAI writes it in x-ratelimit-reset-*: 1s, 6m0s, 20ms, 1h2m3.5s."""
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?|(\d+)ms", text)
    assert found and text, text
    hours, minutes, rest, milliseconds = found.groups()
    return int(milliseconds) / 1000 if milliseconds else int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(rest or 0)


def limits(headers, measure):
    return (int(headers[f"x-ratelimit-limit-{measure}"]), int(headers[f"x-ratelimit-remaining-{measure}"]),
            seconds(headers[f"x-ratelimit-reset-{measure}"]))


def client(gateway, **options):
    return openai.OpenAI(base_url=f"https://localhost:{gateway.port}/v1", api_key=gateway.key,
                         http_client=openai.DefaultHttpxClient(verify=ssl.create_default_context(cafile=gateway.ca_file)), **options)


def has_taken(headers, requests, began):
    """What is left of three requests, of which one a second has grown back since the first."""
    whole, left, _ = limits(headers, "requests")
    assert whole == 3 and 3 - requests <= left <= 3 - requests + (time.monotonic() - began), headers


def whole_and_streamed(gateway):
    """Each answer says what is left of requests and tokens, and when all of it is there again."""
    once = client(gateway, max_retries=0)
    began = time.monotonic()
    first = once.chat.completions.with_raw_response.create(**ONE)
    assert limits(first.headers, "requests")[:2] == (3, 2), first.headers
    assert 0 < limits(first.headers, "requests")[2] <= 1, first.headers
    whole, left, reset = limits(first.headers, "tokens")
    # Estimated when the headers of an answer that was read whole are written: the truth is known to the next request.
    assert whole == 3000 and 2800 <= left < 3000 and 0 < reset <= 200, first.headers
    with once.chat.completions.with_streaming_response.create(**ONE, stream=True) as second:
        has_taken(second.headers, 2, began)
        assert limits(second.headers, "tokens")[0] == 3000, second.headers
        second.read()
    third = once.chat.completions.with_raw_response.create(**ONE)
    has_taken(third.headers, 3, began)
    # Two answers of a few words have been settled, one is estimated: had they not, 300 would be gone.
    assert limits(third.headers, "tokens")[1] > 2800, third.headers


def refused(gateway):
    """A refusal is the package's RateLimitError, with what is left and how long to wait."""
    hasty = client(gateway, max_retries=0)
    try:
        # Three and one more, and those that grow back meanwhile on a slow machine.
        for _ in range(40):
            hasty.chat.completions.create(**ONE)
    except openai.RateLimitError as error:
        assert error.status_code == 429 and error.code == "rate_limit_exceeded", error
        headers = error.response.headers
        assert limits(headers, "requests")[:2] == (3, 0), headers
        assert 0 < int(headers["retry-after-ms"]) <= 1000 and headers["retry-after"] == "1", headers
        return
    raise AssertionError("nothing was refused")


def waits_by_itself(gateway):
    """The package waits for as long as it is told, and is then let in."""
    patient = client(gateway, max_retries=5)
    began = time.monotonic()
    for _ in range(5):
        patient.chat.completions.create(**ONE)
    # Five after what came before cannot pass at once.
    assert time.monotonic() - began > 0.5


def too_many_tokens(gateway):
    """A request that is estimated at more than is left is refused for its tokens, and says so."""
    # 300 words take minutes to grow back; a request for more than all there is waits for all of it.
    client(gateway, max_retries=5).chat.completions.create(**{**ONE, "model": "say:300"})
    time.sleep(1.1)
    try:
        client(gateway, max_retries=0).chat.completions.create(**{**ONE, "max_tokens": 100_000})
    except openai.RateLimitError as error:
        assert "tokens" in error.message, error.message
        whole, left, _ = limits(error.response.headers, "tokens")
        assert whole == 3000 and left < 3000, error.response.headers
        assert int(error.response.headers["retry-after-ms"]) > 0
        return
    raise AssertionError("it was let in")


async def main():
    failed = 0
    async with Gateway(sys.argv[1], entry=OWN) as gateway:
        for check in (whole_and_streamed, refused, waits_by_itself, too_many_tokens):
            name = "openai package, limits: " + check.__name__.replace("_", " ")
            try:
                await asyncio.to_thread(check, gateway)
                print("ok", name, flush=True)
            except Exception:  # pylint: disable=broad-except
                traceback.print_exc()
                print("not ok", name, flush=True)
                failed += 1
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    asyncio.run(main())
