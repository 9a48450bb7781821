"""The WebSocket by itself, and real proxies in front of a gateway: nginx for WebSockets, HAProxy for the PROXY protocol."""

import asyncio
import os
import random
import re
import shutil
import socket
import ssl
import tempfile

from check_streams import words
from web_socket import Refused, WebSocket
from wire import LZ4, Client, Connection, Violation, chat, hello

CHECKS, ENDINGS = [], []


def check(name, into=CHECKS):
    def register(function):
        into.append((name, function))
        return function
    return register


async def raw(gateway, **more):
    return await WebSocket.open("127.0.0.1", gateway.http_port, **more)


async def refused(gateway, status, **more):
    try:
        await raw(gateway, **more)
    except Refused as refusal:
        assert refusal.response.status_code == status, refusal
        return refusal.response
    raise Violation(f"a WebSocket was made, {status} was due")


@check("a WebSocket: path and subprotocol are checked, extensions are not agreed, and a page's origin is nobody's credential")
async def _(gateway):
    web = await raw(gateway, headers=[("Origin", "https://elsewhere.example"), ("Cookie", "CF_Authorization=x"),
                                      ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")])
    assert web.protocol.subprotocol == "agentshield.v1" and web.protocol.extensions == []
    connection = Connection(web, web)
    connection.send(hello("not a key"))
    received = await connection.read()
    assert received.type == 8 and await connection.read() is None and web.close_code == 1000, (received, web.close_code)
    await connection.close()
    await refused(gateway, 404, path="/agentshield/v2")
    await refused(gateway, 400, subprotocols=("mqtt",))


@check("a WebSocket: pings are answered while an answer streams")
async def _(gateway):
    web = await raw(gateway)
    connection = Connection(web, web)
    connection.send(hello(gateway.key, LZ4))
    client = Client(connection, LZ4, {})
    client.reading = asyncio.create_task(client._read())  # pylint: disable=protected-access
    answer = client.start(chat("say:30+slow-20ms"))
    await answer.began.wait()
    for number in range(5):
        web.protocol.send_ping(b"%d" % number)
        web.flush()
        await asyncio.sleep(0.05)
    await answer.wait()
    assert answer.end and web.pongs == [b"%d" % number for number in range(5)], web.pongs
    await client.close()


@check("a WebSocket: a text message is answered with 1003, a frame that is too long with 1009")
async def _(gateway):
    for spoil, code in ((lambda protocol: protocol.send_text(b"hello"), 1003),
                        (lambda protocol: protocol.send_binary(bytes(131_073)), 1009)):
        web = await raw(gateway)
        spoil(web.protocol)
        web.flush()
        assert await Connection(web, web).read() is None and web.close_code == code, web.close_code
        web.close()


@check("a WebSocket: SIGTERM ends it with 1001, behind GOAWAY and what was begun", ENDINGS)
async def _(gateway):
    web = await raw(gateway)
    connection = Connection(web, web)
    connection.send(hello(gateway.key, LZ4))
    client = Client(connection, LZ4, {})
    client.reading = asyncio.create_task(client._read())  # pylint: disable=protected-access
    answer = client.start(chat("say:20+slow-50ms"))
    await answer.began.wait()
    gateway.terminate()
    await answer.wait()
    assert answer.end and client.goaway["reason"] == 1, client.goaway
    await asyncio.wait_for(client.closed.wait(), 5)
    assert web.close_code == 1001 and client.failure is None, (web.close_code, client.failure)
    await client.close()
    assert await asyncio.wait_for(gateway.process.wait(), 5) == 0


def free_port():
    """A port below those that systems give to outgoing connections: one of them would be quicker than the program that is to listen there."""
    for port in random.sample(range(12_000, 30_000), 100):
        with socket.socket() as free:
            try:
                free.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    raise OSError("no port is free")


class Proxy:
    """nginx or haproxy in the foreground, with a configuration of its own."""

    def __init__(self, program, arguments, configuration):
        self.program = shutil.which(program) or f"/usr/sbin/{program}"
        self.arguments, self.configuration = arguments, configuration
        self.port = free_port()
        self.folder, self.process = tempfile.TemporaryDirectory(), None

    async def __aenter__(self):
        path = os.path.join(self.folder.name, "proxy.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.configuration.replace("PORT", str(self.port)).replace("FOLDER", self.folder.name))
        self.process = await asyncio.create_subprocess_exec(
            self.program, *[argument.replace("FILE", path).replace("FOLDER", self.folder.name) for argument in self.arguments],
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL)
        async with asyncio.timeout(10):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    return self
                except ConnectionError:
                    assert self.process.returncode is None, f"{self.program} did not start"
                    await asyncio.sleep(0.05)

    async def __aexit__(self, *_):
        self.process.terminate()
        await self.process.wait()
        self.folder.cleanup()


def nginx(gateway, headers):
    return Proxy("nginx", ["-c", "FILE", "-p", "FOLDER", "-e", "FOLDER/error.log"], f"""
daemon off;
master_process off;
pid FOLDER/nginx.pid;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path FOLDER/body; proxy_temp_path FOLDER/proxy; fastcgi_temp_path FOLDER/f; uwsgi_temp_path FOLDER/u; scgi_temp_path FOLDER/s;
    server {{
        listen 127.0.0.1:PORT;
        location /agentshield/v1 {{
            proxy_pass http://127.0.0.1:{gateway.http_port};
            {headers}
            proxy_read_timeout 1h;
            proxy_buffering off;
        }}
    }}
}}
""")


@check("nginx in front: the wire protocol in a WebSocket goes through it, long texts in both directions")
async def _(gateway):
    passing = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;"
    async with nginx(gateway, passing) as proxy:
        web = await WebSocket.open("127.0.0.1", proxy.port)
        connection = Connection(web, web)
        connection.send(hello(gateway.key, LZ4))
        client = Client(connection, LZ4, {})
        client.reading = asyncio.create_task(client._read())  # pylint: disable=protected-access
        texts = [words(20_000, seed) for seed in range(4)]
        answers = [client.start(chat("echo", text)) for text in texts]
        for answer, text in zip(answers, texts):
            assert (await answer.wait()).text == text
        long = client.start(chat("say:2000+slow-10ms"))
        await long.began.wait()
        client.cancel(long)
        await gateway.provider_stats("exactly=active:0")
        await client.close()


@check("nginx in front, as it is without a word about upgrades: 426 says what it has to pass on")
async def _(gateway):
    async with nginx(gateway, "") as proxy:
        try:
            await WebSocket.open("127.0.0.1", proxy.port)
        except Refused as refusal:
            assert refusal.response.status_code == 426 and b"pass both headers on" in bytes(refusal.response.body), refusal
        else:
            raise Violation("a WebSocket was made")


def haproxy(gateway, port, option):
    return Proxy("haproxy", ["-db", "-f", "FILE"], f"""
defaults
    mode tcp
    timeout connect 5s
    timeout client 1m
    timeout server 1m
frontend front
    bind 127.0.0.1:PORT
    default_backend gateway
backend gateway
    server gateway 127.0.0.1:{port} {option}
""")


async def logged(gateway, pattern):
    async with asyncio.timeout(30):
        while not any(re.search(pattern, line) for line in list(gateway.log)):
            await asyncio.sleep(0.05)


async def through(gateway, port, source):
    """The wire protocol over TLS through a balancer, from one of this machine's addresses."""
    context = ssl.create_default_context(cafile=gateway.ca_file)
    context.set_alpn_protocols(["agentshield/1"])
    stream = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost", local_addr=(source, 0))
    connection = Connection(*stream)
    connection.send(hello(gateway.key, LZ4))
    client = Client(connection, LZ4, {})
    client.reading = asyncio.create_task(client._read())  # pylint: disable=protected-access
    answer = await client.ask(chat("echo", "through HAProxy"))
    assert answer.text == "through HAProxy", (answer.error, client.failure)
    await client.close()


async def balancers(gateway):
    """To be run with a gateway that takes the PROXY protocol from 127.0.0.1 alone."""
    async with haproxy(gateway, gateway.port, "send-proxy-v2 proxy-v2-options crc32c,unique-id") as proxy:
        await through(gateway, proxy.port, "127.0.0.2")
        await logged(gateway, r"client=127\.0\.0\.2\b")
    async with haproxy(gateway, gateway.http_port, "send-proxy-v2") as proxy:
        web = await WebSocket.open("127.0.0.1", proxy.port, local_addr=("127.0.0.3", 0))
        connection = Connection(web, web)
        connection.send(hello(gateway.key, LZ4))
        client = Client(connection, LZ4, {})
        client.reading = asyncio.create_task(client._read())  # pylint: disable=protected-access
        assert (await client.ask(chat("echo", "both"))).text == "both"
        await client.close()
        await logged(gateway, r"client=127\.0\.0\.3\b")
    # HAProxy looks after its servers with LOCAL headers.
    async with haproxy(gateway, gateway.http_port, "send-proxy-v2 check check-send-proxy inter 100ms") as proxy:
        await asyncio.sleep(0.5)
        web = await WebSocket.open("127.0.0.1", proxy.port)
        web.close()


async def text_version(gateway):
    told = None
    async with haproxy(gateway, gateway.port, "send-proxy") as proxy, asyncio.timeout(50):
        # The log has a line in ten seconds at most, and may have told of another connection just before.
        while not told:
            try:
                await through(gateway, proxy.port, "127.0.0.2")
            except (ConnectionError, ssl.SSLError):
                await asyncio.sleep(0.5)
                told = any("set the balancer to version 2" in line for line in gateway.log)
            else:
                raise Violation("version 1 was taken")


BALANCERS = [("HAProxy in front with the PROXY protocol: its client's address is the client's", balancers),
             ("HAProxy in front with version 1 of it: refused, and the log says what to set", text_version)]
