"""The byte examples of SPEC.md."""
from . import encoding as e
from .encoding import Frame


def show(frame, limit=24):
    """A frame as annotated hex: header, then a line for each part."""
    flags = "".join(f" + {flag}" for flag in frame.flags)
    lines = [
        (frame.bytes[:3].hex(" "), f"length {frame.length}"),
        (frame.bytes[3:4].hex(), f"{frame.name}{flags}"),
        (frame.bytes[4:8].hex(" "), f"stream {frame.stream}"),
    ]
    for part in frame.parts:
        content = part.content
        if not content:
            continue
        shown = content[:limit].hex(" ") + (" ..." if len(content) > limit else "")
        lines.append((shown, part.note))
    width = min(48, max(len(left) for left, _ in lines))
    return "\n".join(f"{left:<{width}}  {note}".rstrip() for left, note in lines)


def transcript():
    text = "Hi"
    request = Frame("REQUEST", 1, e.message(e.chat("stream", text)), ["endStream"])
    conversation = [
        ("client", Frame("HELLO", 0, e.hello())),
        ("client", request),
        ("server", Frame("WELCOME", 0, e.welcome(own_limits=e.SERVER_LIMITS))),
        ("server", Frame("BEGIN", 1, e.begin())),
        ("server", Frame("DELTA", 1, e.delta(1, "Hello"))),
        ("server", Frame("DELTA", 1, e.delta(2, " world"))),
        ("server", Frame("END", 1, e.end())),
        ("client", Frame("GOAWAY", 0)),
    ]
    return "\n\n".join(f"{side} sends {frame.name}\n{show(frame)}" for side, frame in conversation)


LONG = "The same words again and again. " * 40

ALL = {
    "hello": lambda: show(Frame("HELLO", 0, e.hello())),
    "welcome": lambda: show(Frame("WELCOME", 0, e.welcome(own_limits=e.SERVER_LIMITS))),
    "request": lambda: show(Frame("REQUEST", 1, e.message(e.chat("stream")), ["endStream"])),
    "fragments": lambda: "\n\n".join(
        show(frame) for frame in (
            Frame("REQUEST", 3, [e.Part(e.join(e.message(e.chat("stream")))[:4], f"the message has {len(e.join(e.chat('stream')))} bytes"),
                                 e.Part(e.join(e.chat("stream"))[:10], "its first 10 bytes")], ["more"]),
            Frame("REQUEST", 3, [e.Part(e.join(e.chat("stream"))[10:], "the rest")], ["endStream"]))),
    "compressed": lambda: show(Frame("REQUEST", 5, e.compressed(e.join(e.message(e.chat("stream", LONG)))), ["compressed", "endStream"]), 16),
    "result": lambda: show(Frame("RESULT", 1, e.message(e.chat_result()))),
    "begin": lambda: show(Frame("BEGIN", 1, e.begin())),
    "delta": lambda: show(Frame("DELTA", 1, e.delta(1, "Hello"))),
    "end": lambda: show(Frame("END", 1, e.end())),
    "error": lambda: show(Frame("ERROR", 1, e.error(400, "too many requests", True, 1500))),
    "cancel": lambda: show(Frame("CANCEL", 1, e.cancel())),
    "credit": lambda: show(Frame("CREDIT", 1, e.credit(131072))),
    "ping": lambda: show(Frame("PING", 0, [e.Part(e.OPAQUE, "any eight bytes")])) + "\n\n" + show(Frame("PONG", 0, [e.Part(e.OPAQUE, "the same eight bytes")])),
    "goaway": lambda: show(Frame("GOAWAY", 0, e.goaway(5, 1, 30000, "deploying"))),
    "transcript": transcript,
}
