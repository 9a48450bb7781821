/// The addresses that count as one client: an address of IPv4, a /64 of IPv6, within which a client has as many as it likes.
package struct AddressGroup: Hashable, Sendable {
    private let bits: UInt64

    /// - Parameter bytes: of an IPv4 or IPv6 address, in network byte order; `nil` for anything else.
    package init?(bytes: [UInt8]) {
        let bytes = NetworkRange.unmapped(bytes)
        switch bytes.count {
        // No network of IPv6 that clients have begins with these: ::/64.
        case 4: bits = bytes.reduce(0) { $0 << 8 | UInt64($1) }
        case 16: bits = bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }
        default: return nil
        }
    }
}
