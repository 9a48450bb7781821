import GatewayCore
import NIOHTTP1

/// What breaks HTTP's own rules: where two readers could disagree on what a request is, or where it ends, it is refused and its connection closed.
extension Fault {
    /// - Parameters:
    ///   - error: the decoder's.
    ///   - line: what is known of the request's line.
    static func syntax(_ error: HTTPParserError, line: RequestLine) -> Fault {
        switch error {
        case .headerOverflow where line.isTooLong: targetTooLong
        case .headerOverflow: headersTooLarge
        case .invalidVersion: versionNotSupported
        case .invalidMethod where line.hasMethod: unknownMethod
        case .invalidContentLength, .unexpectedContentLength: badSyntax("The length of its body is told twice, or not in digits alone.")
        case .invalidChunkSize: badSyntax("Its body's chunks are not framed as they must be.")
        case .invalidHeaderToken, .lfExpected: badSyntax("A header holds bytes that may not stand there.")
        default: badSyntax("")
        }
    }

    private static func badSyntax(_ detail: String) -> Fault {
        Fault(
            .protocolError, origin: .downstream,
            message: detail.isEmpty ? "The request is not valid HTTP." : "The request is not valid HTTP. \(detail)")
    }

    private static let targetTooLong = Fault(
        .protocolError, origin: .downstream, message: "The request's target is longer than \(ShimLimits.maxHeaderFieldBytes) bytes.",
        httpStatusOverride: 414)
    private static let headersTooLarge = Fault(
        .protocolError, origin: .downstream,
        message: """
            The request's headers are too large: \(ShimLimits.maxHeaderFieldBytes) bytes for a name or a value, \(ShimLimits.maxHeaderBytes) for all, \
            and \(ShimLimits.maxHeaders) headers may be sent.
            """, httpStatusOverride: 431)
    private static let versionNotSupported = Fault(
        .protocolError, origin: .downstream, message: "This connection takes HTTP/1.1 and HTTP/1.0; HTTP/2 is offered over TLS.",
        httpStatusOverride: 505)
    private static let unknownMethod = Fault(
        .methodNotAllowed, origin: .downstream, message: "The method is none that this gateway knows.", httpStatusOverride: 501)
    fileprivate static let badHost = badSyntax("It needs one header `host`, with a name and perhaps a port.")
    fileprivate static let codedByOldVersion = badSyntax("HTTP/1.0 has no transfer codings.")
}

extension RequestHeaders {
    /// What the decoder lets pass and HTTP forbids; `nil`: nothing. Its connection is of no use after it.
    ///
    /// - Parameter isMultiplexed: over HTTP/2, where the authority is a pseudo-header, which may come as `host` beside an equal one.
    func syntaxFault(_ version: HTTPVersion, isMultiplexed: Bool) -> Fault? {
        guard !isMultiplexed else { return hosts == .contradictory ? .badHost : nil }
        if version == .http1_0, isChunked { return .codedByOldVersion }
        switch hosts {
        case .none: return version == .http1_0 ? nil : .badHost
        case .one(let host): return Self.isHost(host) || Self.isHost(host.trimmed) ? nil : .badHost
        case .several, .contradictory: return .badHost
        }
    }

    /// Whether a value may name a host: RFC 3986's `host` and `port` by their characters. It may be empty; nothing is looked up by it.
    private static func isHost(_ text: some StringProtocol) -> Bool {
        text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            default: "-._~%!$&'()*+,;=:[]".utf8.contains(byte)
            }
        }
    }
}
