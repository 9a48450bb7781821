"""What comes of a front that is attacked: HTTP/1.1, HTTP/2, connections, load and TLS.

usage: check_front.py BUILD_FOLDER

Starts `agentshield serve` with a scripted provider behind it; prints "ok NAME" or "not ok NAME" for each check.
"""

import asyncio
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "wire-python"))

import check_connections  # noqa: E402
import check_http2  # noqa: E402
import check_syntax  # noqa: E402
import check_tls  # noqa: E402
from gateway import Gateway  # noqa: E402


async def main():
    bad = 0
    for checks in (check_syntax.check, check_http2.check, *check_connections.ALL):
        async with Gateway(sys.argv[1], **checks.options) as gateway:
            bad += await checks.run(gateway)
            assert gateway.process.returncode is None, "the gateway is gone: " + "".join(gateway.log)[-3000:]
    bad += await check_tls.run(sys.argv[1])
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
