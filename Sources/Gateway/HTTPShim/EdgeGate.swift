import GatewayAuthentication
import GatewayCore
import NIOCore

/// How a connection's requests may have come here.
struct EdgeGate: Sendable {
    /// Whether each must prove that it came through the edge.
    var needsProof: Bool
    /// Of the connection's other end, a client or the edge; behind a balancer, as the balancer tells it.
    var socketAddress: String?

    /// Where a request came from, of one that may be answered. Only a proven edge is believed what it says of its client; whoever else sends the
    /// same header is taken for who its socket says.
    func clientAddress(_ headers: RequestHeaders, backend: any ShimBackend) throws(Fault) -> String? {
        guard needsProof else { return socketAddress }
        if let fault = backend.edgeFault(headers.edge) { throw fault }
        guard let address = headers.edge.connectingAddress else { return socketAddress }
        // One address and nothing else: it goes to the log.
        guard let parsed = try? SocketAddress(ipAddress: address, port: 0).ipAddress else {
            throw .badHeader("cf-connecting-ip", "is not an IP address")
        }
        return parsed
    }
}
