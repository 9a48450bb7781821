"""The WebSocket binding of SPEC.md: a stream of bytes in binary messages, with the package `websockets` for RFC 6455."""

import asyncio
import random
import ssl

from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

PATH, SUBPROTOCOL = "/agentshield/v1", "agentshield.v1"
LONGEST_FRAME = 131_072


class Refused(Exception):
    """The server did not make a WebSocket of the connection."""

    def __init__(self, response):
        super().__init__(f"{response.status_code} {bytes(response.body or b'')[:300]!r}")
        self.response = response


class WebSocket:
    """A StreamReader and a StreamWriter in one, as far as `wire.Connection` uses them. Cuts what it sends into messages and fragments at random."""

    def __init__(self, reader, writer, protocol):
        self.raw_reader, self.raw_writer, self.protocol = reader, writer, protocol
        self.incoming = asyncio.StreamReader(limit=1 << 20)
        self.pongs, self.source = [], random.Random(6455)
        self.pump = None

    @classmethod
    async def open(cls, host, port, context=None, path=PATH, subprotocols=(SUBPROTOCOL,), headers=(), **more):
        reader, writer = await asyncio.open_connection(host, port, ssl=context, **more)
        scheme = "wss" if context else "ws"
        protocol = ClientProtocol(parse_uri(f"{scheme}://{host}:{port}{path}"), subprotocols=list(subprotocols), max_size=None)
        request = protocol.connect()
        for name, value in headers:
            request.headers[name] = value
        protocol.send_request(request)
        socket = cls(reader, writer, protocol)
        socket.flush()
        while protocol.state is State.CONNECTING and not protocol.handshake_exc:
            socket.receive(await reader.read(65_536))
        response = next(event for event in protocol.events_received() if hasattr(event, "status_code"))
        if protocol.handshake_exc or response.status_code != 101:
            writer.close()
            raise Refused(response) from protocol.handshake_exc
        socket.pump = asyncio.create_task(socket.run())
        return socket

    # What comes

    def receive(self, data):
        if data:
            self.protocol.receive_data(data)
        else:
            self.protocol.receive_eof()
        self.flush()

    async def run(self):
        try:
            self.take()
            while data := await self.raw_reader.read(65_536):
                self.receive(data)
                self.take()
            self.protocol.receive_eof()
        except (ConnectionError, ssl.SSLError):
            pass
        self.incoming.feed_eof()

    def take(self):
        for event in self.protocol.events_received():
            if event.opcode in (Opcode.BINARY, Opcode.CONT):
                assert 0 < len(event.data) <= LONGEST_FRAME, len(event.data)
                self.incoming.feed_data(bytes(event.data))
            elif event.opcode is Opcode.PONG:
                self.pongs.append(bytes(event.data))
            elif event.opcode is Opcode.CLOSE:
                self.incoming.feed_eof()
            else:
                assert event.opcode is Opcode.PING, event

    def flush(self):
        for data in self.protocol.data_to_send():
            if data:
                self.raw_writer.write(data)

    @property
    def close_code(self):
        """What the server closed with."""
        return self.protocol.close_rcvd and self.protocol.close_rcvd.code

    async def readexactly(self, count):
        return await self.incoming.readexactly(count)

    # What goes

    def write(self, data):
        if self.protocol.state is not State.OPEN:
            return
        at, inside = 0, False
        while at < len(data):
            size = self.source.choice((1, 7, 1_000, 65_536, LONGEST_FRAME)) if len(data) < 200_000 else LONGEST_FRAME
            piece = data[at:at + size]
            at += len(piece)
            fin = at >= len(data) or self.source.random() < 0.5
            (self.protocol.send_continuation if inside else self.protocol.send_binary)(piece, fin)
            inside = not fin
        self.flush()

    async def drain(self):
        await self.raw_writer.drain()

    @property
    def transport(self):
        return self.raw_writer.transport

    def get_extra_info(self, name):
        return self.raw_writer.get_extra_info(name)

    def close(self):
        if self.protocol.state is State.OPEN:
            self.protocol.send_close(1000)
            self.flush()
        if self.pump:
            self.pump.cancel()
        self.raw_writer.close()

    async def wait_closed(self):
        await self.raw_writer.wait_closed()
