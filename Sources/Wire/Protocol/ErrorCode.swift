/// An error's number on the wire. Open: a receiver keeps numbers that it does not know.
package struct ErrorCode: RawRepresentable, Hashable, Sendable {
    package var rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// What an error ends.
    package enum Scope: Sendable {
        case connection
        case stream
    }

    /// When the same request may be sent again.
    package enum Retry: Sendable {
        /// The same request will fail again.
        case never
        /// Nothing was done; at once, on any connection.
        case safe
        /// After the advised time, or with backoff.
        case later
        /// At once, on another connection or replica.
        case elsewhere
    }

    /// What the registry says of a code.
    package struct Entry: Sendable {
        package var name: String
        package var scope: Scope
        package var retry: Retry
    }

    /// The registry's entry, or `nil` for a code that this build does not know.
    package var entry: Entry? { Self.registry[self] }
}
