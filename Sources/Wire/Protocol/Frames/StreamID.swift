/// The number of one exchange on a connection. Clients use odd numbers, each higher than the last; 0 is the connection itself.
package struct StreamID: RawRepresentable, Hashable, Comparable, Sendable {
    package var rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    package static let connection = StreamID(rawValue: 0)

    /// Whether a client may open a stream under this number.
    package var isClientInitiated: Bool { rawValue & 1 == 1 }

    package static func < (left: StreamID, right: StreamID) -> Bool {
        left.rawValue < right.rawValue
    }
}

extension StreamID: CustomStringConvertible {
    package var description: String { String(rawValue) }
}
