"""More conversations: answers as the client sees them, flow control, ends, abuse."""
import struct

from . import encoding as e
from .conversations import client, request, server
from .encoding import Frame

HALF_STREAM = 131_072
HALF_CONNECTION = 524_288


def frame_of_64k(sequence, stream=1):
    """A DELTA that takes exactly 65,536 bytes of credit and few on the wire."""
    body = e.join(e.delta(sequence, "x" * 65_000))
    body = e.join(e.delta(sequence, "x" * (65_000 + 65_536 - len(body))))
    assert len(body) == 65_536
    return Frame("DELTA", stream, e.compressed(body), ["compressed"])


def answers():
    begin = Frame("BEGIN", 1, e.begin())
    first = Frame("DELTA", 1, e.delta(1, "Hello"))
    result = Frame("RESULT", 1, e.message(e.chat_result()))
    end = Frame("END", 1, e.end())
    whole = e.join(e.message(e.chat_result()))
    out_of_order = "out of order"

    def gives_up(conversation):
        return conversation.expect(Frame("CANCEL", 1, e.cancel(3)), reason="INVALID_ANSWER").told("failed", stream=1)

    def asked(name, rule=None, **settings):
        return client(name, rule, **settings).connected().asks()

    resumed = e.message(e.block(20, e.block(1, "resp-1") + e.number(2, 2)))
    return [
        asked("a streamed answer without deltas").say(begin).say(end).told("ended", stream=1),
        asked("a whole answer in three fragments").say(begin).say(Frame("RESULT", 1, whole[:4], ["more"])).say(Frame("RESULT", 1, whole[4:9], ["more"]))
            .say(Frame("RESULT", 1, whole[9:])).say(end).told("ended", stream=1),
        asked("an error instead of an answer").say(Frame("ERROR", 1, e.error(400, "too many", True, 1500))).told("error", stream=1, code=400),
        asked("an error amid a streamed answer").say(begin).say(first).say(Frame("ERROR", 1, e.error(507, "broken", True))).told("error", stream=1, code=507),
        asked("an error amid a whole answer").say(begin).say(Frame("RESULT", 1, whole[:9], ["more"])).say(Frame("ERROR", 1, e.error(602, "broken", True)))
            .told("error", stream=1, code=602),
        asked("an error of unknown code").say(Frame("ERROR", 1, e.error(54321, "later"))).told("error", stream=1, code=54321),
        asked("a compressed delta").say(begin).say(frame_of_64k(1)).say(end).told("ended", stream=1),
        client("a resumed answer goes on behind what is there").connected().do("resume", response_id="resp-1", last_sequence=2)
            .expect(Frame("REQUEST", 1, resumed, ["endStream"])).say(begin).say(Frame("DELTA", 1, e.delta(3, "more"))).say(end).told("ended", stream=1),
        asked("DELTA before BEGIN", "A1").say(first).breaks(100, out_of_order),
        asked("END before BEGIN", "A1").say(end).breaks(100, out_of_order),
        asked("BEGIN twice", "A1").say(begin).say(begin).breaks(100, out_of_order),
        asked("RESULT after DELTA", "A1").say(begin).say(first).say(result).breaks(100, out_of_order),
        asked("DELTA after RESULT", "A1").say(begin).say(result).say(first).breaks(100, out_of_order),
        asked("RESULT twice", "A1").say(begin).say(result).say(result).breaks(100, out_of_order),
        asked("END amid a RESULT", "A1").say(begin).say(Frame("RESULT", 1, whole[:9], ["more"])).say(end).breaks(100, out_of_order),
        asked("frames after END", "A2").say(begin).say(end).told("ended", stream=1).say(first).say(end).asks(3),
        asked("a first DELTA of sequence 2", "A3").say(begin).say(Frame("DELTA", 1, e.delta(2, "Hello"))).gives_up_with(gives_up).asks(3),
        asked("a DELTA twice", "A3").say(begin).say(first).say(first).gives_up_with(gives_up),
        asked("a RESULT over max_message_bytes", "A4", max_message_bytes=1000).say(begin)
            .say(Frame("RESULT", 1, struct.pack(">I", 1001) + b"x", ["more"])).gives_up_with(gives_up).asks(3),
        client("BEGIN before the request is whole", "A6").connected().do("send", model="stream", text_bytes=400_000)
            .expect_some("REQUEST", 1, "262,144 bytes, then its credit is used up").say(begin).breaks(100, "BEGIN before the whole request was sent"),
        asked("a RESULT fragment of 3 bytes", "S3").say(begin).say(Frame("RESULT", 1, b"\0\0\0", ["more"])).breaks(100, "no length"),
        asked("a RESULT longer than declared", "S4").say(begin).say(Frame("RESULT", 1, whole + b"x")).breaks(100, "too long"),
        asked("a RESULT shorter than declared", "S5").say(begin).say(Frame("RESULT", 1, whole[:-1])).breaks(100, "too short"),
        asked("a BEGIN that cannot be decoded", "P7").say(Frame("BEGIN", 1, b"\x0a\x01\xff")).gives_up_with(gives_up).asks(3),
        asked("a DELTA that cannot be decoded", "P7").say(begin).say(Frame("DELTA", 1, b"\x08")).gives_up_with(gives_up),
        asked("a RESULT that cannot be decoded", "P7").say(begin).say(Frame("RESULT", 1, e.message(b"\x08"))).gives_up_with(gives_up),
        asked("an END that cannot be decoded", "P7").say(begin).say(Frame("END", 1, b"\x08")).gives_up_with(gives_up),
        asked("an answer on a stream that was never opened", "S14").say(Frame("BEGIN", 3, e.begin())).breaks(100, "never opened"),
        asked("an ERROR on a stream that was never opened", "S14").say(Frame("ERROR", 2, e.error(602, "oh"))).breaks(100, "never opened"),
        asked("CANCEL by the application").say(begin).do("cancel", stream=1).expect(Frame("CANCEL", 1, e.cancel(1)), reason="CALLER")
            .say(first).say(end).asks(3),
    ]


def flow_control():
    tight = e.limits(stream_credit=16_384)
    shared = e.limits(connection_credit=16_384)
    beyond = e.join(e.message(e.chat("stream", "x" * 262_200)))
    delta = e.delta(1, "...")

    def long_answer(conversation, stream, sequences, model):
        conversation.expect(Frame("BEGIN", stream, e.begin(f"resp-{stream}", model)), response_id=f"resp-{stream}")
        for sequence in sequences:
            conversation.expect(Frame("DELTA", stream, e.delta(sequence, "...")), sequence=str(sequence))
        return conversation

    def deltas(conversation, first, count):
        for sequence in range(first, first + count):
            conversation.say(frame_of_64k(sequence))
        return conversation

    consuming = deltas(client("CREDIT in halves, for the stream as it is read, for the connection as it comes").connected().asks().say(Frame("BEGIN", 1, e.begin())), 1, 2)
    consuming.do("consume", stream=1, bytes=65_536).do("consume", stream=1, bytes=65_536).expect(Frame("CREDIT", 1, e.credit(HALF_STREAM)), increment=HALF_STREAM)
    for first in (3, 5):
        deltas(consuming, first, 2).do("consume", stream=1, bytes=HALF_STREAM).expect(Frame("CREDIT", 1, e.credit(HALF_STREAM)), increment=HALF_STREAM)
    deltas(consuming, 7, 2).expect(Frame("CREDIT", 0, e.credit(HALF_CONNECTION)), increment=HALF_CONNECTION)

    late = client("late frames take the connection's credit, and give it back", "A2").connected().asks().say(Frame("BEGIN", 1, e.begin())).do("cancel", stream=1)
    late.expect(Frame("CANCEL", 1, e.cancel(1)), reason="CALLER")
    for sequence in range(1, 9):
        late.say(frame_of_64k(sequence))
    late.expect(Frame("CREDIT", 0, e.credit(HALF_CONNECTION)), increment=HALF_CONNECTION)

    too_much = client("more DELTAs than credit", "S12").connected().asks().say(Frame("BEGIN", 1, e.begin()))
    deltas(too_much, 1, 5).breaks(103, "more was sent than there was credit for")

    return [
        long_answer(server("an answer waits for its stream's credit").opened(own_limits=tight).say(request(1, "long:20000")), 1, (1, 2), "long:20000")
            .say(Frame("CREDIT", 1, e.credit(8_192))).expect(Frame("DELTA", 1, e.delta(3, "...")), sequence="3").expect(Frame("END", 1, e.end())),
        long_answer(server("an answer waits for the connection's credit").opened(own_limits=shared).say(request(1, "long:20000")), 1, (1, 2), "long:20000")
            .say(Frame("CREDIT", 1, e.credit(100_000)), "of no use").say(Frame("CREDIT", 0, e.credit(8_192)))
            .expect(Frame("DELTA", 1, e.delta(3, "...")), sequence="3").expect(Frame("END", 1, e.end())),
        long_answer(
            long_answer(server("who waits for the connection's credit takes turns").opened(own_limits=shared).say(request(1, "long:30000")), 1, (1, 2), "long:30000")
            .say(request(3, "long:30000")), 3, (), "long:30000")
            .say(Frame("CREDIT", 0, e.credit(16_384))).expect(Frame("DELTA", 1, delta), sequence="3").expect(Frame("DELTA", 3, delta), sequence="1")
            .say(Frame("CREDIT", 0, e.credit(16_384))).expect(Frame("DELTA", 1, delta), sequence="4").expect(Frame("END", 1, e.end()))
            .expect(Frame("DELTA", 3, delta), sequence="2"),
        long_answer(server("CANCEL of an answer that waits").opened(own_limits=tight).say(request(1, "long:20000")), 1, (1, 2), "long:20000")
            .say(Frame("CANCEL", 1, e.cancel())).say(Frame("CREDIT", 1, e.credit(8_192))).say(request(3)).streams_an_answer(3),
        server("an error does not wait for credit, nor does BEGIN").opened(own_limits=tight).say(request(1, "fail")).expect(Frame("ERROR", 1, e.error(205, "no")), code=205),
        server("a REQUEST beyond its credit", "S12", max_frame_bytes=1_000_000).opened().say(Frame("REQUEST", 1, e.compressed(beyond), ["compressed", "endStream"]))
            .fails(103, "more was sent than there was credit for", 1),
        server("a CREDIT of 0", "P8").opened().say(Frame("CREDIT", 0, e.credit(0))).fails(100, "a CREDIT of 0", 0),
        server("a CREDIT of 2^31", "P9").opened().say(Frame("CREDIT", 0, e.credit(0x80000000))).fails(103, "credit above 2^31 - 1", 0),
        server("a window of more than 2^31 - 1", "P10").opened().say(Frame("CREDIT", 0, e.credit(0x7FFFFFFF - 1_048_576))).say(Frame("CREDIT", 0, e.credit(1)))
            .fails(103, "credit above 2^31 - 1", 0),
        too_much, consuming, late,
    ]


def ends():
    def hanging(name, rule=None, **settings):
        return server(name, rule, **settings).opened().say(request(1, "hang")).expect(Frame("BEGIN", 1, e.begin(model="hang")), response_id="resp-1")

    draining = (403, "the drain deadline passed", True)
    return [
        server("drain with nothing open").opened().do("go_away", reason="DRAIN", within_ms=30_000)
            .expect(Frame("GOAWAY", 0, e.goaway(0, 1, 30_000)), reason="DRAIN").closes(),
        hanging("drain: new requests are refused, open ones end at the deadline", "S10").do("go_away", reason="DRAIN", within_ms=5_000)
            .expect(Frame("GOAWAY", 0, e.goaway(1, 1, 5_000)), last_stream=1, reason="DRAIN", drain_deadline_ms=5_000)
            .say(request(3)).expect(Frame("ERROR", 3, e.error(403, "this server is going away", True)), code=403, retryable=True)
            .wait(5_000).expect(Frame("ERROR", 1, e.error(*draining)), code=403, retryable=True).closes(),
        hanging("drain: the last open stream ends").do("go_away", reason="DRAIN", within_ms=5_000)
            .expect(Frame("GOAWAY", 0, e.goaway(1, 1, 5_000)), last_stream=1, reason="DRAIN").say(Frame("CANCEL", 1, e.cancel())).closes(),
        hanging("the credential is revoked").do("go_away", reason="REAUTHENTICATE", within_ms=5_000)
            .expect(Frame("GOAWAY", 0, e.goaway(1, 2, 5_000)), last_stream=1, reason="REAUTHENTICATE"),
        hanging("the client leaves").say(Frame("GOAWAY", 0)).say(Frame("CANCEL", 1, e.cancel())).closes(),
        hanging("a REQUEST after the client's GOAWAY", "S11").say(Frame("GOAWAY", 0)).say(request(3)).fails(100, "a REQUEST after GOAWAY", 1),
        server("idle for too long", idle_timeout_ms=60_000).opened().wait(60_000).expect(Frame("GOAWAY", 0, e.goaway(0, 3)), reason="IDLE").closes(),
        server("silence, and a PING that is answered, then one that is not", "C2", keep_alive_interval_ms=30_000, keep_alive_timeout_ms=10_000).opened()
            .wait(30_000).expect(Frame("PING", 0, struct.pack(">Q", 1))).pong().wait(30_000).expect(Frame("PING", 0, struct.pack(">Q", 2))).wait(10_000)
            .fails(106, "PING was not answered", 0),
        server("a PING is answered").opened().say(Frame("PING", 0, e.OPAQUE)).expect(Frame("PONG", 0, e.OPAQUE), opaque=e.OPAQUE.hex()),
        server("a PONG that answers nothing", "C3").opened().say(Frame("PONG", 0, e.OPAQUE)).say(request(1)).streams_an_answer(),
        hanging("a second GOAWAY of the client", "C4").say(Frame("GOAWAY", 0)).say(Frame("GOAWAY", 0)),
        server("bytes after the connection has failed", "C5").opened().say(Frame("HELLO", 0, e.hello())).fails(100, "a second HELLO", 0)
            .say(request(1), "dropped"),
        client("GOAWAY: what was not accepted can go elsewhere").connected().asks(1).asks(3).say(Frame("GOAWAY", 0, e.goaway(1, 1, 5_000)))
            .told("refused", stream=3).say(Frame("BEGIN", 1, e.begin())).say(Frame("END", 1, e.end())).told("ended", stream=1).closes(),
        client("GOAWAY twice, the second with a lower last stream").connected().asks(1).asks(3).say(Frame("GOAWAY", 0, e.goaway(3, 1, 5_000)))
            .say(Frame("GOAWAY", 0, e.goaway(1, 1, 5_000))).told("refused", stream=3),
        client("GOAWAY with a higher last stream than before", "A5").connected().asks(1).asks(3).say(Frame("GOAWAY", 0, e.goaway(1, 1, 5_000)))
            .told("refused", stream=3).say(Frame("GOAWAY", 0, e.goaway(3, 1, 5_000))).breaks(100, "a GOAWAY with a higher last_stream than before"),
        client("the server's connection error").connected().asks(1).say(Frame("ERROR", 0, e.error(602, "oh"))).closes(),
        client("a PING is answered by the client").connected().say(Frame("PING", 0, e.OPAQUE)).expect(Frame("PONG", 0, e.OPAQUE), opaque=e.OPAQUE.hex()),
        client("the client leaves when its last stream has ended").connected().asks(1).do("go_away").expect(Frame("GOAWAY", 0))
            .say(Frame("BEGIN", 1, e.begin())).say(Frame("END", 1, e.end())).told("ended", stream=1).closes(),
    ]


def abuse():
    def flood(name, frame, allowed, **settings):
        return server(name, "C1", **settings).opened().say(frame).times(allowed + 1)

    pings = flood("33 PINGs at once", Frame("PING", 0, e.OPAQUE), 32).expect(Frame("PONG", 0, e.OPAQUE), opaque=e.OPAQUE.hex()).times(32)
    over = server("1,025 CANCELs at once", "C1").opened().say(request(1)).streams_an_answer().say(Frame("CANCEL", 1, e.cancel())).times(1_025)
    empty = server("65 empty frames", "C1").opened().say(Frame("REQUEST", 1, struct.pack(">I", 5), ["more"])).say(Frame("REQUEST", 1, b"", ["more"])).times(65)
    refused = server("257 refused requests of which the rest is not sent", "S17", max_message_bytes=100).opened()
    for index in range(256):
        refused.say(Frame("REQUEST", 2 * index + 1, struct.pack(">I", 101), ["more"]))
        refused.expect(Frame("ERROR", 2 * index + 1, e.error(202, "too long")), code=202)
    refused.say(Frame("REQUEST", 513, struct.pack(">I", 101), ["more"])).expect(Frame("ERROR", 513, e.error(202, "too long")), code=202)
    return [
        pings.fails(105, "too many PING frames", 0),
        server("as many PINGs as may be, and one more a second later").opened().say(Frame("PING", 0, e.OPAQUE)).times(32)
            .expect(Frame("PONG", 0, e.OPAQUE), opaque=e.OPAQUE.hex()).times(32).wait(1_000).say(Frame("PING", 0, e.OPAQUE))
            .expect(Frame("PONG", 0, e.OPAQUE), opaque=e.OPAQUE.hex()),
        flood("129 frames of unknown type", Frame(20, 3, b"later"), 128).fails(105, "too many frames of unknown type", 0),
        flood("33 PONGs that answer nothing", Frame("PONG", 0, e.OPAQUE), 32).fails(105, "too many PONG frames", 0),
        flood("4,097 small CREDITs", Frame("CREDIT", 0, e.credit(1)), 4_096).fails(105, "too many small CREDIT frames", 0),
        flood("CREDITs that are not small are not counted", Frame("CREDIT", 0, e.credit(4_096)), 4_999),
        over.fails(105, "too many CANCEL frames", 1),
        empty.fails(105, "too many empty frames", 1),
        refused.fails(105, "too many refused requests are incomplete", 513),
    ]
