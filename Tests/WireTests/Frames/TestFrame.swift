import Foundation
import NIOCore
import Wire

/// A frame as tests read and write it, apart from the parser that they test.
struct TestFrame: Equatable, CustomStringConvertible {
    var type: UInt8
    var flags: FrameFlags
    var stream: UInt32
    var payload: ByteBuffer

    init(_ type: FrameType, on stream: UInt32, flags: FrameFlags = [], payload: ByteBuffer = ByteBuffer()) {
        self.type = type.rawValue
        self.flags = flags
        self.stream = stream
        self.payload = payload
    }

    /// A frame whose payload is a message.
    init(_ type: FrameType, on stream: UInt32, _ message: some WireMessage) {
        self.init(type, on: stream)
        message.encode(into: &payload)
    }

    /// A REQUEST or RESULT of one frame.
    init(whole type: FrameType, on stream: UInt32, _ message: some WireMessage) {
        self.init(type, on: stream, flags: type == .request ? .endStream : [])
        payload.writeInteger(UInt32(message.encodedLength))
        message.encode(into: &payload)
    }

    static func credit(_ increment: UInt32, on stream: UInt32 = 0) -> TestFrame {
        TestFrame(.credit, on: stream, payload: ByteBuffer(integer: increment))
    }

    var knownType: FrameType? { FrameType(rawValue: type) }

    var bytes: ByteBuffer {
        var bytes = ByteBuffer()
        bytes.writeInteger(UInt32(payload.readableBytes) << 8 | UInt32(type) | UInt32(flags.rawValue))
        bytes.writeInteger(stream)
        bytes.writeImmutableBuffer(payload)
        return bytes
    }

    /// All frames that bytes consist of; the rest of an incomplete one is left.
    static func readAll(_ bytes: inout ByteBuffer) -> [TestFrame] {
        var frames: [TestFrame] = []
        while let (first, stream) = bytes.getMultipleIntegers(at: bytes.readerIndex, as: (UInt32, UInt32).self),
            bytes.readableBytes >= 8 + Int(first >> 8)
        {
            bytes.moveReaderIndex(forwardBy: 8)
            var frame = TestFrame(.hello, on: stream)
            frame.type = UInt8(first & 0x1F)
            frame.flags = FrameFlags(rawValue: UInt8(first & 0xE0))
            frame.payload = bytes.readSlice(length: Int(first >> 8)) ?? ByteBuffer()
            frames.append(frame)
        }
        return frames
    }

    func decoded<Message: WireMessage>(as: Message.Type = Message.self) throws -> Message {
        try Message.decode(from: payload)
    }

    var description: String {
        "\(knownType.map { "\($0)" } ?? "type \(type)") on \(stream), flags \(flags.rawValue), \(payload.readableBytes) bytes"
    }
}

extension ConnectionMachine {
    /// Everything that is to be written, as frames.
    mutating func takeFrames() -> [TestFrame] {
        var bytes = ByteBuffer()
        while var taken = takeOutbound() { bytes.writeBuffer(&taken) }
        return TestFrame.readAll(&bytes)
    }

    mutating func receive(_ frames: TestFrame..., now: NIODeadline = .start) {
        for frame in frames {
            var bytes = frame.bytes
            receive(&bytes, now: now)
        }
    }

    /// Everything that has happened.
    mutating func takeEvents() -> [Event] {
        var events: [Event] = []
        while let event = nextEvent() { events.append(event) }
        return events
    }
}

extension NIODeadline {
    /// When every test begins.
    static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
}

/// The vectors below `protocol/vectors`.
enum VectorFiles {
    struct Malformed: Error {
        var entry: String
    }

    static func load(_ folder: String) throws -> [[String: Any]] {
        let url = ProtoSchema.repository.appending(path: "protocol/vectors/\(folder)")
        let files = try FileManager.default.contentsOfDirectory(at: url, includingPropertiesForKeys: nil)
        return try files.filter { $0.pathExtension == "json" }.sorted { $0.path < $1.path }.flatMap { file in
            guard let entries = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [[String: Any]] else {
                throw Malformed(entry: file.lastPathComponent)
            }
            return entries.map { $0.merging(["file": file.deletingPathExtension().lastPathComponent]) { own, _ in own } }
        }
    }

    static func bytes(hex: Any?) throws -> ByteBuffer {
        guard let hex = hex as? String, let bytes = try? ByteBuffer(plainHexEncodedBytes: hex) else {
            throw Malformed(entry: "\(hex ?? "")")
        }
        return bytes
    }
}
