import NIOCore

/// Whether the other side of a connection has acknowledged everything that was written, as its kernel alone knows (Linux' `TCP_INFO`).
enum Acknowledgement {
    /// `nil`: nobody can tell. To be called on the channel's event loop.
    static func isComplete(on channel: any Channel) -> Bool? {
        #if os(Linux)
        guard let socket = channel as? any SocketOptionProvider else { return nil }
        // What has not come to the kernel is not acknowledged either.
        if let waiting = try? channel.syncOptions?.getOption(.bufferedWritableBytes), waiting > 0 { return false }
        let answer: EventLoopFuture<TransmissionState> = socket.unsafeGetSocketOption(level: .tcp, name: tcpInfo)
        var isComplete: Bool?
        // On its own event loop a channel answers at once.
        answer.assumeIsolated().whenSuccess { isComplete = $0.unacknowledgedSegments == 0 && $0.unsentBytes == 0 }
        return isComplete
        #else
        return nil
        #endif
    }

    #if os(Linux)
    /// `TCP_INFO` of Linux' <linux/tcp.h>.
    private static let tcpInfo = NIOBSDSocket.Option(rawValue: 11)

    /// The first 148 bytes of Linux' `struct tcp_info`, which kernels since 4.6 have and no kernel moves.
    private struct TransmissionState: Sendable {
        typealias Four = (UInt32, UInt32, UInt32, UInt32)

        var flagsAndTimes: (UInt32, UInt32, Four) = (0, 0, (0, 0, 0, 0))
        /// `tcpi_unacked`
        var unacknowledgedSegments: UInt32 = 0
        var between: (Four, Four, Four, Four, Four, Four, Four, UInt32) = (
            (0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0), 0
        )
        /// `tcpi_notsent_bytes`: what the other side makes no room for.
        var unsentBytes: UInt32 = 0
    }
    #endif
}
