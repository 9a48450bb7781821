"""Checks of a gateway's wire protocol against protocol/SPEC.md, with a client written from that text alone.

usage: conformance.py BUILD_FOLDER [NAME ...]

BUILD_FOLDER has the programs `agentshield` and `scripted-provider`. NAMEs are parts of the checks' names; without, all run. Prints
"ok NAME" or "not ok NAME" for each check, what went wrong on lines that begin with "#", and ends with 1 if a check failed.
"""

import asyncio
import sys
import time
import traceback

import check_doors
import check_frames
import check_load
import check_streams
import check_vectors
from gateway import Gateway, WebSocketWay


class Report:
    """Runs checks and prints their verdicts."""

    def __init__(self, names):
        self.names, self.failed, self.passed = names, 0, 0

    async def run(self, name, check, *arguments):
        if self.names and not any(part in name for part in self.names):
            return
        begun = time.monotonic()
        try:
            async with asyncio.timeout(180 * check_load.SCALE):
                await check(*arguments)
        except BaseException as problem:  # pylint: disable=broad-except
            self.failed += 1
            for line in "".join(traceback.format_exception(problem)).strip().splitlines()[-12:]:
                print("#", line)
            print("not ok", name, flush=True)
            if isinstance(problem, (KeyboardInterrupt, asyncio.CancelledError)):
                raise
            return
        self.passed += 1
        print("ok", name, flush=True)
        if (spent := time.monotonic() - begun) > 3:
            print(f"# took {spent:.1f} s", flush=True)


async def main(programs, names):
    report = Report(names)
    for name, check, arguments in check_vectors.without_gateway():
        await report.run(name, check, *arguments)
    async with Gateway(programs) as gateway:
        patient = asyncio.gather(*(report.run(name, check, gateway) for name, check in check_frames.PATIENT))
        for name, check in check_frames.CHECKS + check_streams.CHECKS:
            await report.run(name, check, gateway)
        for name, check, arguments in check_vectors.on(gateway, {}):
            await report.run(name, check, *arguments)
        await patient
        web = WebSocketWay(gateway)
        for name, check in check_frames.ON_ANY_TRANSPORT + check_streams.CHECKS:
            await report.run("in a WebSocket: " + name, check, web)
        for name, check, arguments in check_vectors.on(web, {}):
            await report.run("in a WebSocket: " + name, check, *arguments)
        for name, check in check_doors.CHECKS:
            await report.run(name, check, gateway)
        for name, check in check_load.CHECKS:
            await report.run(name, check, gateway)
    for limits, settings in check_vectors.OTHER_SETTINGS:
        async with Gateway(programs, limits) as gateway:
            for name, check, arguments in check_vectors.on(gateway, settings):
                await report.run(name, check, *arguments)
    for name, check in check_doors.ENDINGS:
        async with Gateway(programs) as gateway:
            await report.run(name, check, gateway)
    async with Gateway(programs, listen=", proxy_protocol: {from: [127.0.0.1]}") as gateway:
        for name, check in check_doors.BALANCERS:
            await report.run(name, check, gateway)
    for name, check, drain in check_load.ENDINGS:
        async with Gateway(programs, drain=drain) as gateway:
            await report.run(name, check, gateway)
    print(f"# {report.passed} passed, {report.failed} failed")
    return 1 if report.failed or not report.passed else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2:])))
