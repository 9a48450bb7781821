import NIOCore
import Wire

/// What of a stream stands in the shared store: pieces hold entries behind each other, each as its kind (1 byte), its length (4) and its message.
enum ResumptionEntry {
    case head(Begin)
    case delta(Delta)
    /// - Parameter next: the sequence behind the last delta.
    case whole(End, next: UInt64)
    case failed(ErrorBody)
    /// There will be no more: it is read elsewhere, or is too long.
    case gone

    private enum Kind: UInt8 {
        case head = 1
        case delta
        case whole
        case failed
        case gone
        /// Before the end: where it stands.
        case next
    }

    static func encode(_ entries: [ResumptionEntry]) -> ByteBuffer {
        var piece = ByteBuffer()
        for entry in entries {
            switch entry {
            case .head(let head): append(.head, head, to: &piece)
            case .delta(let delta): append(.delta, delta, to: &piece)
            case .whole(let end, let next):
                append(.next, Delta(sequence: next), to: &piece)
                append(.whole, end, to: &piece)
            case .failed(let error): append(.failed, error, to: &piece)
            case .gone: append(.gone, ErrorBody(), to: &piece)
            }
        }
        return piece
    }

    private static func append(_ kind: Kind, _ message: some WireMessage, to piece: inout ByteBuffer) {
        piece.writeInteger(kind.rawValue)
        piece.writeInteger(UInt32(clamping: message.encodedLength))
        message.encode(into: &piece)
    }

    /// - Returns: `nil`: it is no piece of a stream, or one of a later version of the gateway.
    static func decode(_ piece: ByteBuffer) -> [ResumptionEntry]? {
        var piece = piece
        var entries: [ResumptionEntry] = []
        var next: UInt64 = 0
        while piece.readableBytes > 0 {
            guard let kind = piece.readInteger(as: UInt8.self).flatMap(Kind.init), let length = piece.readInteger(as: UInt32.self),
                let message = piece.readSlice(length: Int(length))
            else { return nil }
            if kind == .next {
                guard let place = try? Delta.decode(from: message) else { return nil }
                next = place.sequence
                continue
            }
            guard let entry = try? ResumptionEntry(kind, message, next) else { return nil }
            entries.append(entry)
        }
        return entries
    }

    private init?(_ kind: Kind, _ message: ByteBuffer, _ next: UInt64) throws {
        switch kind {
        case .head: self = .head(try Begin.decode(from: message))
        case .delta: self = .delta(try Delta.decode(from: message))
        case .whole: self = .whole(try End.decode(from: message), next: next)
        case .failed: self = .failed(try ErrorBody.decode(from: message))
        case .gone: self = .gone
        case .next: return nil
        }
    }
}
