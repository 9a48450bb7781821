"""A gateway of one's own for checks, with a scripted provider as its upstream: `agentshield serve` on free ports."""

import asyncio
import collections
import math
import os
import re
import resource
import signal
import tempfile
import time

PEPPER = "a-pepper-for-the-wire-checks"
CONFIGURATION = """
listen:
  tls: {{address: "127.0.0.1:0"{listen}{tls}}}
  http: {{address: "127.0.0.1:0"{listen}}}
  admin: {{{admin}}}
auth:
  keys:
{entry}
      models: ["*"]
providers:
  scripted: {{dialect: openai, base_url: "{provider}/v1"}}
  anthropic: {{dialect: anthropic, base_url: "{provider}"}}
prices: {{unknown: ceiling, ceiling: {{input: 0.15, output: 0.60}}}}
models:
  - {{name: stream, provider: scripted, upstream_name: "say:2", cache: {{mode: "off"}}}}
  - {{name: whole, provider: scripted, upstream_name: "say:1", cache: {{mode: "off"}}}}
{models}{patterns}
scrub: {{policies: {{default: {{kinds: {{PHONE: ignore, PASSWORD: ignore}}}}}}}}
limits: {{requests_per_minute: 6000000, burst: 6000000, slow_request_timeout: {slow}{limits}}}
event_loops: 1
drain_deadline: {drain}
log: {{level: info, format: text, client_address: true}}
telemetry: {telemetry}
"""


# The terms of scripted-provider's names: what begins with none of them is a model that is not configured.
PATTERNS = "\n".join(f'  - {{pattern: "{term}*", provider: scripted, cache: {{mode: "off"}}}}' for term in (
    "echo", "say:", "tool:", "bench", "delay-", "slow-", "pieces:", "escaped", "fail-", "hang", "cut", "garbage", "empty", "html", "huge"))


async def first_match(stream, pattern):
    """Reads lines until one matches."""
    seen = []
    async with asyncio.timeout(30):
        while line := (await stream.readline()).decode():
            seen.append(line)
            if found := re.search(pattern, line):
                return found.group(1)
    raise RuntimeError(f"no line matches {pattern}: {''.join(seen)[-2000:]}")


class WebSocketWay:
    """The same gateway, reached by WebSocket."""

    over_web_socket = True

    def __init__(self, gateway):
        self.gateway = gateway

    def __getattr__(self, name):
        return getattr(self.gateway, name)


class Gateway:
    """`limits` is more of the configuration's section, as YAML: `, max_request_bytes: 20000`; so are `entry`, of the key's, `listen`, of both listeners', `tls`, of the one, and `models`. `files` is how many the process may have open, half of them before it asks; `admin` is the admin listener's, `telemetry` that section."""

    # Whether `wire.Connection.open` takes the way by WebSocket.
    over_web_socket = False

    def __init__(self, programs, limits="", drain="20s", entry="", listen="", models="", tls="", slow="2s", files=None, admin="enabled: false",
                 telemetry="{}"):
        self.programs, self.limits, self.drain = programs, limits, drain
        self.entry, self.listen, self.models, self.tls = entry, listen, models, tls
        self.slow, self.files, self.admin, self.telemetry = slow, files, admin, telemetry
        self.environment = {**os.environ, "AGENTSHIELD_PEPPER": PEPPER}
        self.log = collections.deque(maxlen=200)
        self.process = self.provider = self.reading = None

    def program(self, name):
        return os.path.join(self.programs, name)

    async def __aenter__(self):
        try:
            await self._start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def _start(self):
        self.folder = tempfile.TemporaryDirectory()
        self.environment["TMPDIR"] = self.folder.name
        pipes = {"stdin": asyncio.subprocess.DEVNULL, "stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.STDOUT}
        self.provider = await asyncio.create_subprocess_exec(self.program("scripted-provider"), "--port", "0", **pipes)
        self.provider_url = await first_match(self.provider.stdout, r"listening on (http://\S+)")
        made = await asyncio.create_subprocess_exec(self.program("agentshield"), "keys", "create", "--id", "wire", "--tenant", "checks",
                                                    env=self.environment, **pipes)
        printed = (await made.communicate())[0].decode()
        self.key = re.search(r"ask_\w+", printed).group(0)
        hashed = re.search(r"hmac-sha256:[0-9a-f]{64}", printed).group(0)
        entry = f'    - id: wire\n      hash: "{hashed}"\n      tenant: checks{self.entry}'
        path = os.path.join(self.folder.name, "gateway.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(entry=entry, provider=self.provider_url, patterns=PATTERNS, limits=self.limits, drain=self.drain,
                                            listen=self.listen, models=self.models, tls=self.tls, slow=self.slow,
                                            admin=self.admin, telemetry=self.telemetry))
        self.process = await asyncio.create_subprocess_exec(self.program("agentshield"), "serve", "--config", path,
                                                            env=self.environment, preexec_fn=self._limit_files, **pipes)
        await self._await_address()
        self.reading = asyncio.create_task(self._read_log())

    def _limit_files(self):
        if self.files:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.files // 2, self.files))

    async def _await_address(self):
        self.ca_file = self.port = self.http_port = self.admin_port = None
        async with asyncio.timeout(30):
            while self.port is None:
                line = (await self.process.stdout.readline()).decode()
                if not line:
                    raise RuntimeError("the gateway did not start: " + "".join(self.log))
                self.log.append(line)
                if found := re.search(r"(/\S+\.pem)", line):
                    self.ca_file = found.group(1)
                if found := re.search(r"tls=\S*127\.0\.0\.1:(\d+)", line):
                    self.port = int(found.group(1))
                if found := re.search(r"http=\S*127\.0\.0\.1:(\d+)", line):
                    self.http_port = int(found.group(1))
                if found := re.search(r"admin=\S*127\.0\.0\.1:(\d+)", line):
                    self.admin_port = int(found.group(1))

    async def _read_log(self):
        while line := (await self.process.stdout.readline()).decode():
            self.log.append(line)

    @property
    def resident_kilobytes(self):
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))

    async def provider_stats(self, wait_for=""):
        """The provider's own counts, once `wait_for` holds (`exactly=active:0`)."""
        host, port = re.search(r"//([^:]+):(\d+)", self.provider_url).groups()
        async with asyncio.timeout(60):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(f"GET /_stats?{wait_for} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
            answer = (await reader.read()).decode()
            writer.close()
        return {name: int(value) for name, value in re.findall(r'"(\w+)":\s*(\d+)', answer)}

    def leave(self, begin, within=0.1):
        """Callers leave streams, and the provider must see one go within `within` seconds. `begin` takes a first piece and gives what ends the stream.

        The best of several counts: a busy machine is late now and then, a gateway that does not pass it on is late always.
        """
        best = math.inf
        for _ in range(10):
            before = asyncio.run(self.provider_stats())["closed_early"]
            end = begin()
            began = time.monotonic()
            end()
            asyncio.run(self.provider_stats(f"at_least=closed_early:{before + 1}"))
            best = min(best, time.monotonic() - began)
            if best < within:
                return
        raise AssertionError(f"the provider saw the caller leave after {best:.3f} s at best")

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    async def __aexit__(self, *_):
        for process in (self.process, self.provider):
            if process is None:
                continue
            if process.returncode is None:
                process.terminate()
            try:
                async with asyncio.timeout(25):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        if self.reading:
            self.reading.cancel()
        self.folder.cleanup()
