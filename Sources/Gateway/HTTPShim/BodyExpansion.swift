import GatewayCore
import GatewayDecompression
import NIOCore

/// The compressed body of one request, expanded as it arrives. Each piece must find room in the budget before the next is made.
struct BodyExpansion {
    /// What the budget is asked for while it lives, in bytes.
    static let reservedBytes = Inflater.workingBytes
    private static let maxPieceBytes = 64 * 1024

    private let inflater: Inflater
    /// The last piece had no room left: more may be held back.
    private var isFull = false

    init(_ coding: Inflater.Coding) {
        inflater = Inflater(coding)
    }

    /// The next piece; takes what it was made of off the front of `input`. `nil`: all of `input` is done with.
    mutating func next(_ input: inout ByteBuffer) throws(Fault) -> ByteBuffer? {
        while input.readableBytes > 0 || isFull {
            let room = min(Self.maxPieceBytes, max(4096, input.readableBytes * 4))
            var piece = ByteBufferAllocator().buffer(capacity: room)
            let outcome = input.withUnsafeReadableBytes { source -> Result<Int, Inflater.Flaw> in
                var consumed = 0
                var flaw: Inflater.Flaw?
                piece.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
                    do throws(Inflater.Flaw) {
                        let step = try inflater.step(source, into: target)
                        consumed = step.consumed
                        isFull = step.produced == target.count
                        return step.produced
                    } catch {
                        flaw = error
                        return 0
                    }
                }
                return flaw.map { .failure($0) } ?? .success(consumed)
            }
            switch outcome {
            case .failure(let flaw): throw .undecodable(flaw)
            case .success(let consumed):
                input.moveReaderIndex(forwardBy: consumed)
                if piece.readableBytes > 0 { return piece }
                if consumed == 0 { return nil }
            }
        }
        return nil
    }

    func finish() throws(Fault) {
        do throws(Inflater.Flaw) {
            try inflater.finish()
        } catch {
            throw .undecodable(error)
        }
    }
}

extension Fault {
    /// A body that says that it is compressed and is not, or not well.
    static func undecodable(_ flaw: Inflater.Flaw) -> Fault {
        let rule: String
        switch flaw {
        case .damaged: rule = "does not hold for the body: its compressed data is damaged"
        case .incomplete: rule = "does not hold for the body: it ends before its compressed data does"
        case .trailing: rule = "does not hold for the body: something else follows its compressed data"
        case .bomb:
            return Fault(
                .requestTooLarge, origin: .downstream,
                message: "The body expands to more than \(Inflater.maxRatio) times its size: send it less compressed, or uncompressed.")
        case .noMemory: return .overloaded
        }
        return Fault(.malformedBody, origin: .downstream, message: "The header content-encoding \(rule).", parameter: "content-encoding")
    }
}
