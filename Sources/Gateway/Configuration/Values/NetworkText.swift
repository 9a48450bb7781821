package import GatewayCore

#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// Networks as the file writes them: `10.0.0.0/8`, `2001:db8::/32`, or one address.
package enum NetworkText {
    package static func parse(_ text: String) throws(ValueProblem) -> NetworkRange {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let bytes = bytes(ofAddress: String(parts[0])), let bits = parts.count == 1 ? bytes.count * 8 : length(parts[1]) else {
            throw ValueProblem("is no network", remedy: "write addresses as 10.0.0.0/8 or \"2001:db8::/32\", or one address")
        }
        guard let range = NetworkRange(bytes: bytes, prefixBits: bits) else {
            throw ValueProblem(
                "is no network: its length is too long, or the address has bits set behind it",
                remedy: "set them to zero: 10.1.0.0/16, not 10.1.2.3/16")
        }
        return range
    }

    /// An address in network byte order; `nil`: it is none.
    package static func bytes(ofAddress text: String) -> [UInt8]? { ipv4(text) ?? ipv6(text) }

    private static func length(_ text: Substring) -> Int? {
        (1...3).contains(text.utf8.count) && text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
    }

    private static func ipv4(_ text: String) -> [UInt8]? {
        var address = in_addr()
        guard inet_pton(AF_INET, text, &address) == 1 else { return nil }
        return withUnsafeBytes(of: &address) { Array($0) }
    }

    private static func ipv6(_ text: String) -> [UInt8]? {
        var address = in6_addr()
        guard inet_pton(AF_INET6, text, &address) == 1 else { return nil }
        return withUnsafeBytes(of: &address) { Array($0) }
    }
}
