"""Vectors of whole conversations: protocol/vectors/conversations."""
import struct

from . import encoding as e
from .encoding import Frame


class Conversation:
    def __init__(self, name, under_test, rule=None, settings=None):
        self.name = name
        self.under_test = under_test
        self.rule = rule
        self.settings = settings or {}
        self.steps = []
        self.ends = "open"

    @property
    def peer(self):
        return "client" if self.under_test == "server" else "server"

    def say(self, frame, means=""):
        """The peer sends a frame, or raw bytes."""
        raw = frame if isinstance(frame, bytes) else frame.bytes
        self.steps.append({"from": self.peer, "hex": raw.hex(), "means": means or frame.name})
        return self

    def expect_some(self, kind, stream, means=""):
        """The side under test sends one or more frames of a type, cut as it likes."""
        self.steps.append({"from": self.under_test, "type": kind, "stream": stream, "frames": "one or more", "means": means or kind})
        return self

    def times(self, count):
        """The last step happens so often."""
        self.steps[-1]["times"] = count
        return self

    def pong(self):
        """The peer answers the last PING."""
        self.steps.append({"from": self.peer, "pong": True, "means": "PONG with the eight bytes of the PING"})
        return self

    def expect(self, frame, means="", **body):
        """The side under test answers: type, flags and stream as here, and of the body what is named."""
        step = {"from": self.under_test, "type": frame.name, "flags": frame.flags, "stream": frame.stream}
        if body:
            step["body"] = body
        step["hex"] = frame.hex
        step["means"] = means or frame.name
        self.steps.append(step)
        return self

    def gives_up_with(self, steps):
        return steps(self)

    def told(self, what, **details):
        """What the application of a client under test has learned by now."""
        self.steps.append({"told": what, **details})
        return self

    def do(self, action, **details):
        self.steps.append({"do": action, **details})
        return self

    def wait(self, milliseconds):
        self.steps.append({"wait_ms": milliseconds})
        return self

    def closes(self):
        self.ends = "closed"
        return self

    def json(self):
        vector = {"name": self.name, "under_test": self.under_test}
        if self.rule:
            vector["rule"] = self.rule
        if self.settings:
            vector["settings"] = self.settings
        return vector | {"steps": self.steps, "ends": self.ends}

    # ---- what many conversations have ------------------------------------------------------------------------------

    def opened(self, features=1, own_limits=None):
        """Server under test: HELLO and WELCOME."""
        self.say(Frame("HELLO", 0, e.hello(features=features, own_limits=own_limits)))
        return self.expect(Frame("WELCOME", 0, e.welcome(features=features, own_limits=e.SERVER_LIMITS)), version=1)

    def connected(self):
        """Client under test: HELLO and WELCOME."""
        self.expect(Frame("HELLO", 0, e.hello()), min_version=1, max_version=1)
        return self.say(Frame("WELCOME", 0, e.welcome(own_limits=e.SERVER_LIMITS)))

    def asks(self, stream=1, model="stream"):
        """Client under test: a request, a chat of one message "Hi" of the user, streamed."""
        self.do("send", model=model)
        return self.expect(Frame("REQUEST", stream, e.message(e.chat(model)), ["endStream"]))

    def fails(self, code, text, last_stream=None):
        """Server under test: ERROR and GOAWAY, then it closes."""
        self.expect(Frame("ERROR", 0, e.error(code, text)), code=code)
        if last_stream is not None:
            self.expect(Frame("GOAWAY", 0, e.goaway(last_stream, 4)), last_stream=last_stream, reason="PROTOCOL_ERROR")
        return self.closes()

    def breaks(self, code, text):
        """Client under test: ERROR, then it closes."""
        return self.expect(Frame("ERROR", 0, e.error(code, text)), code=code).closes()

    def streams_an_answer(self, stream=1):
        self.expect(Frame("BEGIN", stream, e.begin(f"resp-{stream}")), response_id=f"resp-{stream}", model="stream")
        self.expect(Frame("DELTA", stream, e.delta(1, "Hello")), sequence="1", kind="TEXT_ITEM", data="SGVsbG8=")
        self.expect(Frame("DELTA", stream, e.delta(2, " world")), sequence="2", kind="TEXT_ITEM", data="IHdvcmxk")
        return self.expect(Frame("END", stream, e.end()), finishes=[{"reason": "STOP"}])


def server(name, rule=None, **settings):
    return Conversation(name, "server", rule, settings)


def client(name, rule=None, **settings):
    return Conversation(name, "client", rule, settings)


def request(number, model="stream", **more):
    return Frame("REQUEST", number, e.message(e.chat(model, **more)), ["endStream"])


def pieces(stream, payload, *cuts, last="endStream"):
    """A message's payload (length and all) in fragments."""
    bounds = [0, *cuts, len(payload)]
    return [
        Frame("REQUEST", stream, payload[start:stop], [last if stop == len(payload) else "more"])
        for start, stop in zip(bounds, bounds[1:])
    ]


def handshake():
    late_hello = Frame("HELLO", 0, e.hello())
    return [
        server("a chat, streamed").opened().say(request(1)).streams_an_answer(),
        server("requests right after HELLO").say(Frame("HELLO", 0, e.hello())).say(request(1))
            .expect(Frame("WELCOME", 0, e.welcome(own_limits=e.SERVER_LIMITS)), version=1).streams_an_answer(),
        server("a range of versions").say(Frame("HELLO", 0, e.hello(1, 9)))
            .expect(Frame("WELCOME", 0, e.welcome(own_limits=e.SERVER_LIMITS)), version=1),
        server("features are the intersection").say(Frame("HELLO", 0, e.hello(features=0xFF01)))
            .expect(Frame("WELCOME", 0, e.welcome(own_limits=e.SERVER_LIMITS)), features="1"),
        server("no HELLO", "K1").say(request(1)).fails(100, "the first frame is not HELLO"),
        server("PING before HELLO", "K1").say(Frame("PING", 0, e.OPAQUE)).fails(100, "the first frame is not HELLO"),
        server("an unknown type before HELLO", "H9").say(Frame(30, 9, b"later")).opened(),
        server("HELLO twice", "K2").opened().say(late_hello).fails(100, "a second HELLO", 0),
        server("HELLO without versions", "K3").say(Frame("HELLO", 0, e.hello(0, 0))).fails(100, "HELLO has no range of versions"),
        server("HELLO with versions the wrong way round", "K3").say(Frame("HELLO", 0, e.hello(2, 1))).fails(100, "HELLO has no range of versions"),
        server("HELLO of a later protocol", "K4").say(Frame("HELLO", 0, e.hello(2, 3))).fails(104, "this server speaks version 1 only"),
        server("HELLO with too small frames", "K5").say(Frame("HELLO", 0, e.hello(own_limits=e.limits(frame=8191)))).fails(100, "a limit is out of its range"),
        server("HELLO with too long frames", "K5").say(Frame("HELLO", 0, e.hello(own_limits=e.limits(frame=1 << 24)))).fails(100, "a limit is out of its range"),
        server("HELLO with too little stream credit", "K5").say(Frame("HELLO", 0, e.hello(own_limits=e.limits(stream_credit=16383)))).fails(100, "a limit is out of its range"),
        server("HELLO with too much credit", "K5").say(Frame("HELLO", 0, e.hello(own_limits=e.limits(connection_credit=1 << 31)))).fails(100, "a limit is out of its range"),
        server("HELLO with the smallest limits").opened(own_limits=e.limits(8192, 1, 1, 16384, 16384)),
        server("a credential that is refused", "K6").say(Frame("HELLO", 0, e.hello(credential="wrong"))).fails(300, "no such key"),
        server("HELLO too late", "K7").wait(10_000).fails(106, "HELLO did not come in time"),
        server("a HELLO that cannot be decoded", "P5").say(Frame("HELLO", 0, b"\x0a\x01")).fails(100, "a hello body is not a valid message"),
        server("the client gives up before HELLO").say(Frame("ERROR", 0, e.error(602, "out of memory"))).closes(),
        client("a chat, streamed, as the client sees it").connected().asks().say(Frame("BEGIN", 1, e.begin())).say(Frame("DELTA", 1, e.delta(1, "Hello")))
            .say(Frame("END", 1, e.end())).told("ended", stream=1),
        client("the first frame is not WELCOME", "K8").expect(Frame("HELLO", 0, e.hello()), min_version=1).say(Frame("PING", 0, e.OPAQUE))
            .breaks(100, "the first frame is not WELCOME"),
        client("HELLO is refused").expect(Frame("HELLO", 0, e.hello()), min_version=1).say(Frame("ERROR", 0, e.error(300, "no such key"))).closes(),
        client("GOAWAY instead of WELCOME").expect(Frame("HELLO", 0, e.hello()), min_version=1).say(Frame("GOAWAY", 0, e.goaway(0, 5))).closes(),
        client("WELCOME twice", "K9").connected().say(Frame("WELCOME", 0, e.welcome())).breaks(100, "a second WELCOME"),
        client("WELCOME with a version that was not offered", "K10").expect(Frame("HELLO", 0, e.hello()), min_version=1)
            .say(Frame("WELCOME", 0, e.welcome(2))).breaks(104, "WELCOME has a version that was not offered"),
        client("WELCOME with less credit than the default", "K11").expect(Frame("HELLO", 0, e.hello()), min_version=1)
            .say(Frame("WELCOME", 0, e.welcome(own_limits=e.limits(stream_credit=262143)))).breaks(100, "a limit is out of its range"),
        client("WELCOME too late", "K7").expect(Frame("HELLO", 0, e.hello()), min_version=1).wait(10_000).breaks(106, "WELCOME did not come in time"),
        client("WELCOME with zeros for the defaults").expect(Frame("HELLO", 0, e.hello()), min_version=1).say(Frame("WELCOME", 0, e.welcome())).asks(),
    ]


def requests():
    small = e.join(e.message(e.chat("stream")))
    long_text = "x" * 1000
    long = e.join(e.message(e.chat("stream", long_text)))
    declared = struct.pack(">I", 20_001)
    broken = Frame("REQUEST", 1, e.message(b"\x82\x01\x05abc"), ["endStream"])
    return [
        with_frames(server("a request in three fragments").opened(), pieces(1, small, 4, 9)).streams_an_answer(),
        with_frames(server("a request byte by byte, with an empty last fragment", "S6").opened(),
                    pieces(1, small, *range(4, len(small), 7)) [:-1] + [Frame("REQUEST", 1, pieces(1, small, *range(4, len(small), 7))[-1].payload, ["more"]),
                                                                        Frame("REQUEST", 1, b"", ["endStream"])]).streams_an_answer(),
        server("a compressed request").opened().say(Frame("REQUEST", 1, e.compressed(long), ["compressed", "endStream"])).streams_an_answer(),
        server("a compressed request without LZ4", "P1").opened(features=0).say(Frame("REQUEST", 1, e.compressed(long), ["compressed", "endStream"]))
            .fails(100, "a compressed frame, but LZ4 was not agreed", 1),
        server("two requests at once, their fragments interleaved").opened().say(pieces(1, small, 9)[0]).say(pieces(3, small, 9)[0])
            .say(pieces(3, small, 9)[1]).streams_an_answer(3).say(pieces(1, small, 9)[1]).streams_an_answer(1),
        server("a whole answer").opened().say(request(1, "whole", stream=False))
            .expect(Frame("BEGIN", 1, e.begin(model="whole")), response_id="resp-1")
            .expect(Frame("RESULT", 1, e.message(e.chat_result())), chat={"choices": [{"items": [{"kind": "TEXT_ITEM", "data": "SGVsbG8="}]}]})
            .expect(Frame("END", 1, e.end()), finishes=[{"reason": "STOP"}]),
        server("a request that fails").opened().say(request(1, "fail")).expect(Frame("ERROR", 1, e.error(205, "no such model")), code=205),
        server("feedback on what is no answer's id").opened().say(Frame("REQUEST", 1, e.message(e.block(19, e.block(1, "resp-9"))), ["endStream"]))
            .expect(Frame("ERROR", 1, e.error(200, "must be the id of an answer")), code=200),
        server("no operation at all").opened().say(Frame("REQUEST", 1, e.message(b""), ["endStream"])).expect(Frame("ERROR", 1, e.error(203, "no operation")), code=203),
        server("a body that cannot be decoded", "P6").opened().say(broken).expect(Frame("ERROR", 1, e.error(201, "not valid")), code=201)
            .say(request(3)).streams_an_answer(3),
        server("an even stream", "S1").opened().say(request(2)).fails(100, "a REQUEST on a stream of even number", 0),
        server("stream numbers may be skipped").opened().say(request(7)).streams_an_answer(7),
        server("a lower stream", "S2").opened().say(request(7, "hang")).expect(Frame("BEGIN", 7, e.begin("resp-7", "hang")), response_id="resp-7").say(request(5)).fails(100, "a REQUEST on a stream that is over", 7),
        server("a stream twice", "S2").opened().say(request(1)).streams_an_answer().say(request(1)).fails(100, "a REQUEST on a stream that is over", 1),
        server("a REQUEST after its end", "S2").opened().say(request(1, "hang")).expect(Frame("BEGIN", 1, e.begin(model="hang")), response_id="resp-1").say(request(1)).fails(100, "a REQUEST on a stream whose request is complete", 1),
        server("a first fragment of 3 bytes", "S3").opened().say(Frame("REQUEST", 1, b"\0\0\0", ["more"])).fails(100, "no length", 1),
        server("more bytes than declared", "S4").opened().say(Frame("REQUEST", 1, small + b"x", ["endStream"])).fails(100, "too long", 1),
        server("more bytes than declared, later", "S4").opened().say(pieces(1, small, 9)[0]).say(Frame("REQUEST", 1, small[9:] + b"x", ["endStream"]))
            .fails(100, "too long", 1),
        server("fewer bytes than declared", "S5").opened().say(Frame("REQUEST", 1, small[:-1], ["endStream"])).fails(100, "too short", 1),
        server("a request over max_message_bytes, its rest swallowed", "S7", max_message_bytes=20_000).opened()
            .say(Frame("REQUEST", 1, declared + b"x" * 4996, ["more"])).expect(Frame("ERROR", 1, e.error(202, "too long")), code=202)
            .say(Frame("REQUEST", 1, b"x" * 5000, ["more"]), "the client has not read the ERROR yet").say(Frame("CANCEL", 1, e.cancel()), "now it has")
            .say(request(3)).streams_an_answer(3),
        server("the rest of a refused request takes the connection's credit alone", "S7", max_message_bytes=20_000).opened()
            .say(Frame("REQUEST", 1, declared + b"x" * 4996, ["more"])).expect(Frame("ERROR", 1, e.error(202, "too long")), code=202)
            .say(Frame("REQUEST", 1, e.compressed(b"x" * 60_000), ["compressed", "more"]), "60,000 bytes, and 485,000 in all").times(8)
            .say(Frame("CANCEL", 1, e.cancel())).say(request(3)).streams_an_answer(3),
        server("as many streams as there may be", "S8", max_concurrent_streams=1).opened().say(request(1, "hang")).expect(Frame("BEGIN", 1, e.begin(model="hang")), response_id="resp-1").say(request(3))
            .expect(Frame("ERROR", 3, e.error(404, "as many streams as may be are open", True)), code=404, retryable=True)
            .say(Frame("CANCEL", 1, e.cancel())).say(request(5)).streams_an_answer(5),
        server("more bytes in flight than there may be", "S9", max_in_flight_request_bytes=1500).opened().say(request(1, "hang", text=long_text)).expect(Frame("BEGIN", 1, e.begin(model="hang")), response_id="resp-1")
            .say(request(3, text=long_text)).expect(Frame("ERROR", 3, e.error(402, "too many bytes", True, 1000)), code=402, retryable=True),
        server("the rest of a request too late", "S13").opened().say(pieces(1, small, 9)[0]).wait(30_000)
            .fails(106, "the rest of a REQUEST did not come in time", 1),
        server("CANCEL").opened().say(request(1, "hang")).expect(Frame("BEGIN", 1, e.begin(model="hang")), response_id="resp-1")
            .say(Frame("CANCEL", 1, e.cancel())).say(request(3)).streams_an_answer(3),
        server("CANCEL of a request that is not whole").opened().say(pieces(1, small, 9)[0]).say(Frame("CANCEL", 1, e.cancel())).say(request(3)).streams_an_answer(3),
        server("CANCEL of a stream that was never opened", "S14").opened().say(Frame("CANCEL", 1, e.cancel())).fails(100, "never opened", 0),
        server("CREDIT for a stream of even number", "S14").opened().say(request(1, "hang")).expect(Frame("BEGIN", 1, e.begin(model="hang")), response_id="resp-1")
            .say(Frame("CREDIT", 2, e.credit(5000))).fails(100, "never opened", 1),
        server("CANCEL and CREDIT after the end", "S15").opened().say(request(1)).streams_an_answer().say(Frame("CREDIT", 1, e.credit(5)))
            .say(Frame("CANCEL", 1, e.cancel())).say(request(3)).streams_an_answer(3),
        server("a client's ERROR on a stream", "S16").opened().say(request(1, "hang")).expect(Frame("BEGIN", 1, e.begin(model="hang")), response_id="resp-1")
            .say(Frame("ERROR", 1, e.error(602, "oh"))).fails(100, "a client's ERROR on a stream", 1),
        server("a client's ERROR on the connection").opened().say(request(1, "hang")).expect(Frame("BEGIN", 1, e.begin(model="hang")), response_id="resp-1")
            .say(Frame("ERROR", 0, e.error(602, "oh"))).closes(),
    ]


def with_frames(conversation, frames):
    for frame in frames:
        conversation.say(frame, f"{frame.name} ({', '.join(frame.flags)})")
    return conversation


def load():
    from . import conversations_more as more
    return {
        "handshake": handshake(), "requests": requests(), "answers": more.answers(), "flow-control": more.flow_control(),
        "ends": more.ends(), "abuse": more.abuse(),
    }
