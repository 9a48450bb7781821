package import NIOCore

/// The header of the PROXY protocol, version 2, which a TCP balancer sends before its client's own bytes. Pure.
///
/// Binary only: the text of version 1 is refused. The layout is haproxy.org's `proxy-protocol.txt`, section 2.2.
package struct ProxyHeader: Equatable, Sendable {
    package enum Source: Equatable, Sendable {
        /// The balancer opened the connection for itself, to look after us, or does not tell for whom, or in terms of neither IPv4 nor IPv6 over TCP.
        /// The socket's own address counts.
        case balancer
        /// As text: `192.0.2.7`, `2001:db8::7`.
        case client(String)
    }

    package var source: Source

    /// What is wrong with bytes that are no such header.
    package enum Flaw: String, Error, CaseIterable, Sendable {
        case noHeader = "no PROXY protocol header"
        case textVersion = "a header of PROXY protocol version 1, which is text: set the balancer to version 2"
        case version = "a header of another version than 2"
        case command = "a command that is neither LOCAL nor PROXY"
        case family = "an unknown address family or transport"
        case tooLong = "a header that is longer than 4,096 bytes"
        case addressCut = "fewer bytes than its addresses take"
        case extensionCut = "an extension (TLV) that is longer than what is left of the header"
        case checksum = "a checksum that is wrong"
    }

    /// Of a header with its extensions. nginx takes as many.
    package static let maxBytes = 4096
    private static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]
    private static let fixedBytes = 16

    /// Takes a header off the front of `bytes`.
    ///
    /// - Returns: `nil`: it is not whole yet, and nothing was taken.
    package static func read(from bytes: inout ByteBuffer) throws(Flaw) -> ProxyHeader? {
        try checkStart(bytes.readableBytesView)
        guard bytes.readableBytes >= fixedBytes, let fixed = bytes.getBytes(at: bytes.readerIndex, length: fixedBytes) else { return nil }
        guard fixed[12] >> 4 == 2 else { throw .version }
        let (command, family) = (fixed[12] & 0xF, fixed[13])
        guard command <= 1 else { throw .command }
        let length = fixedBytes + (Int(fixed[14]) << 8 | Int(fixed[15]))
        guard length <= maxBytes else { throw .tooLong }
        // Of LOCAL nothing counts but that it is there.
        let layout = command == 0 ? nil : try layout(of: family)
        guard let whole = bytes.getSlice(at: bytes.readerIndex, length: length) else { return nil }
        let source = if let layout { try source(whole, layout) } else { Source.balancer }
        bytes.moveReaderIndex(forwardBy: length)
        return ProxyHeader(source: source)
    }

    /// Whether a peer that may not send a header does so.
    package static func isBegun(by bytes: ByteBuffer) -> Bool {
        bytes.readableBytes >= 5 && bytes.readableBytesView.prefix(signature.count).elementsEqual(signature.prefix(bytes.readableBytes))
    }

    /// Decides as early as it can, so that who sends something else is not waited for.
    private static func checkStart(_ bytes: ByteBufferView) throws(Flaw) {
        let start = bytes.prefix(signature.count)
        if start.elementsEqual(signature.prefix(start.count)) { return }
        let text = Array("PROXY ".utf8)
        guard start.prefix(text.count).elementsEqual(text.prefix(start.count)) else { throw .noHeader }
        // Text that has just begun may yet be anything.
        if start.count >= text.count { throw .textVersion }
    }

    /// How the block behind the fixed part begins.
    private struct Layout {
        /// Source and destination, with ports.
        var addressBytes: Int
        /// Of one address, where it is one that counts.
        var clientBytes: Int?
    }

    /// - Returns: `nil`: what the block holds nobody can tell. Values that the protocol does not define are refused.
    private static func layout(of family: UInt8) throws(Flaw) -> Layout? {
        switch family {
        case 0x11: return Layout(addressBytes: 12, clientBytes: 4)
        case 0x21: return Layout(addressBytes: 36, clientBytes: 16)
        case 0x12: return Layout(addressBytes: 12)
        case 0x22: return Layout(addressBytes: 36)
        case 0x31, 0x32: return Layout(addressBytes: 216)
        default:
            guard family >> 4 <= 3, family & 0xF <= 2 else { throw .family }
            return nil
        }
    }

    private static func source(_ header: ByteBuffer, _ layout: Layout) throws(Flaw) -> Source {
        guard header.readableBytes >= fixedBytes + layout.addressBytes else { throw .addressCut }
        try checkExtensions(of: header, from: fixedBytes + layout.addressBytes)
        guard let count = layout.clientBytes else { return .balancer }
        guard let address = header.getSlice(at: header.readerIndex + fixedBytes, length: count),
            let text = try? SocketAddress(packedIPAddress: address, port: 0).ipAddress
        else { throw .addressCut }
        return .client(text)
    }

    // MARK: Extensions

    private static let checksumType: UInt8 = 0x03

    /// Extensions are skipped; one of them, the checksum, must be right if it is there.
    private static func checkExtensions(of header: ByteBuffer, from start: Int) throws(Flaw) {
        let length = header.readableBytes
        var at = start
        var checksum: (at: Int, value: UInt32)?
        let base = header.readerIndex
        while at < length {
            guard at + 3 <= length, let type = header.getInteger(at: base + at, as: UInt8.self),
                let size = header.getInteger(at: base + at + 1, as: UInt16.self), at + 3 + Int(size) <= length
            else { throw .extensionCut }
            if type == checksumType {
                guard size == 4, checksum == nil, let value = header.getInteger(at: base + at + 3, as: UInt32.self) else { throw .checksum }
                checksum = (at + 3, value)
            }
            at += 3 + Int(size)
        }
        guard let checksum else { return }
        // It is computed with zeros in its own place.
        var bytes = Array(header.readableBytesView)
        bytes.replaceSubrange(checksum.at..<checksum.at + 4, with: [0, 0, 0, 0])
        guard CRC32C.of(bytes) == checksum.value else { throw .checksum }
    }
}

/// The checksum of RFC 4960, appendix B: at most 4 KiB, once for a connection, so that no table is worth its memory.
enum CRC32C {
    static func of(_ bytes: [UInt8]) -> UInt32 {
        var sum: UInt32 = 0xFFFF_FFFF
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum >> 1 ^ (sum & 1 == 0 ? 0 : 0x82F6_3B78) }
        }
        return ~sum
    }
}
