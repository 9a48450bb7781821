import NIOCore

/// Limits of a WebSocket for responses that no configuration changes.
enum ResponsesSocketLimits {
    /// Messages that wait behind the request under way. More: an error, and the connection is closed.
    static let maxWaiting = 8
    /// How long one connection is served.
    static let maxAge = TimeAmount.minutes(60)
    /// How long a client may say nothing before it is asked whether it is there, and then before it is taken for gone.
    static let pingInterval = TimeAmount.seconds(30)
}
