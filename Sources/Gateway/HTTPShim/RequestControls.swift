import GatewayCore
import GatewayDecompression
import GatewayPipeline
import NIOCore

/// What a caller asks for in headers beside the body.
struct RequestControls: Equatable {
    var cache = CacheDirective.modelDefault
    /// How long the new answer may be used again; `nil`: it does not say.
    var cacheTimeToLive: TimeAmount?
    /// How long the caller waits. `nil`: it does not say.
    var timeout: TimeAmount?
    /// How long it waits without hearing anything of the answer. `nil`: it does not say.
    var silenceTimeout: TimeAmount?
    var idempotencyKey: String?
    /// At most 128 visible ASCII characters.
    var callerRequestID: String?
    var traceparent: String?
    var tracestate: String?
    /// For a provider of the caller's own dialect.
    var dialectHeaders: [DialectHeader] = []
    var dropsUnsupported = false
}

extension RequestHeaders {
    /// Longest name for a request that is recorded, in bytes.
    static let maxCallerRequestIDBytes = 128
    /// Longest value of a dialect's own header that is passed on, in bytes.
    static let maxDialectHeaderBytes = 4096
    /// A deadline is at most 24 hours; what is longer counts as that.
    static let maxTimeoutMilliseconds: Int64 = 86_400_000

    /// Reads the request controls; a value that cannot be followed is an error that names its header.
    func controls() throws(Fault) -> RequestControls {
        var controls = RequestControls()
        if let contradiction { throw .badHeader(contradiction, "stands twice with different values") }
        controls.cache = try cache()
        controls.cacheTimeToLive = try timeToLive()
        controls.timeout = try timeout()
        if let idempotencyKey {
            guard IdempotencyClaim.isKey(idempotencyKey.trimmed) else { throw .badIdempotencyKey }
            controls.idempotencyKey = String(idempotencyKey.trimmed)
        }
        controls.silenceTimeout = silenceTimeout()
        if let route, !route.trimmed.isEmpty { throw .badHeader("x-agentshield-route", "names no route: this gateway has none") }
        controls.dialectHeaders = try dialectHeaders()
        controls.dropsUnsupported = try flag(dropUnsupported, "x-agentshield-drop-unsupported")
        controls.callerRequestID = callerRequestID.flatMap(Self.visibleASCII)
        // An unusable trace context is dropped, as the W3C's recommendation says, never an error.
        if let traceparent, let context = TraceContext(traceparent) {
            controls.traceparent = context.header
            if let tracestate, TraceContext.isState(tracestate) { controls.tracestate = tracestate }
        }
        return controls
    }

    private func dialectHeaders() throws(Fault) -> [DialectHeader] {
        var passed: [DialectHeader] = []
        try Self.pass("anthropic-version", anthropicVersion, into: &passed)
        try Self.pass("anthropic-beta", anthropicBeta, into: &passed)
        return passed
    }

    private static func pass(_ name: String, _ value: String?, into passed: inout [DialectHeader]) throws(Fault) {
        guard let value else { return }
        guard value.utf8.count <= maxDialectHeaderBytes, value.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
            throw .badHeader(name, "must be at most \(maxDialectHeaderBytes) visible ASCII characters")
        }
        passed.append(DialectHeader(name: name, value: value))
    }

    private func flag(_ value: String?, _ name: String) throws(Fault) -> Bool {
        switch value?.trimmed.lowercased() {
        case nil, "false": return false
        case "true": return true
        default: throw .badHeader(name, "must be true or false")
        }
    }

    private func cache() throws(Fault) -> CacheDirective {
        if let cacheDirective {
            switch cacheDirective.trimmed.lowercased() {
            case "on": return .use
            case "off": return .off
            case "refresh": return .refresh
            case "only": return .only
            default: throw .badHeader("x-agentshield-cache", "must be on, off, refresh or only")
            }
        }
        guard let cacheControl else { return .modelDefault }
        if cacheControl.listsToken("no-store") { return .off }
        if cacheControl.listsToken("only-if-cached") { return .only }
        return cacheControl.listsToken("no-cache") ? .refresh : .modelDefault
    }

    private func timeToLive() throws(Fault) -> TimeAmount? {
        guard let cacheTimeToLive else { return nil }
        guard let value = Self.decimalMilliseconds(cacheTimeToLive, perUnit: 1_000), value > 0 else {
            throw .badHeader("x-agentshield-cache-ttl", "must be a number of seconds above 0")
        }
        return .milliseconds(value)
    }

    private func timeout() throws(Fault) -> TimeAmount? {
        guard let deadlineMilliseconds else { return nil }
        guard let value = Self.decimalMilliseconds(deadlineMilliseconds, perUnit: 1), value > 0 else {
            throw .badHeader("x-agentshield-deadline-ms", "must be a number of milliseconds above 0")
        }
        return .milliseconds(value)
    }

    /// OpenAI's SDK for Python tells in `x-stainless-read-timeout` after how many seconds without a byte it gives up. The keep-alive comments of a
    /// stream would hide a silent provider from it, so the gateway counts for it. Users do not write this header, so an unreadable one is dropped.
    private func silenceTimeout() -> TimeAmount? {
        guard let readTimeoutSeconds, let value = Self.decimalMilliseconds(readTimeoutSeconds, perUnit: 1_000), value > 0 else {
            return nil
        }
        return .milliseconds(value)
    }

    /// Reads an unsigned decimal such as `600` or `0.5`, in milliseconds, rounded down; `nil` for anything else.
    static func decimalMilliseconds(_ text: String, perUnit: Int64) -> Int64? {
        let bytes = text.trimmed.utf8
        guard bytes.count <= 32 else { return nil }
        var value: Int64 = 0
        var scale = perUnit
        var digits = 0
        var isFraction = false
        for byte in bytes {
            if byte == UInt8(ascii: "."), !isFraction, digits > 0 {
                isFraction = true
                continue
            }
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            digits += 1
            let digit = Int64(byte - UInt8(ascii: "0"))
            if isFraction {
                scale /= 10
                value = min(maxTimeoutMilliseconds, value + digit * scale)
            } else {
                value = min(maxTimeoutMilliseconds, value * 10 + digit * perUnit)
            }
        }
        return digits > 0 ? value : nil
    }

    private static func visibleASCII(_ text: String) -> String? {
        let kept = text.utf8.lazy.filter { $0 > 0x20 && $0 < 0x7F }.prefix(maxCallerRequestIDBytes)
        let name = String(decoding: kept, as: UTF8.self)
        return name.isEmpty ? nil : name
    }
}

// MARK: Body

/// How a request's body will come, as its head tells.
struct BodyFraming: Equatable {
    /// Bytes; `nil`: chunked, or an HTTP/2 body without a declared length.
    var length: Int?
    /// The client waits for `100 Continue` before it sends the body.
    var expectsContinue = false
    /// Whether the connection may carry another request after this one.
    var keepsAlive = true

    var isEmpty: Bool { length == 0 }
}

extension RequestHeaders {
    /// - Parameter endsUnknown: whether a body may follow that no header announces, as on HTTP/2.
    func framing(keepsAlive: Bool, endsUnknown: Bool) -> BodyFraming {
        var framing = BodyFraming(length: endsUnknown ? nil : 0, expectsContinue: false, keepsAlive: keepsAlive && !isUpgrade)
        if isChunked {
            framing.length = nil
        } else if let contentLength {
            // The decoder has checked the digits; what does not fit is longer than any limit.
            framing.length = Int(contentLength.trimmed) ?? .max
        }
        framing.expectsContinue = !framing.isEmpty && expect?.trimmed.lowercased() == "100-continue"
        return framing
    }

    /// Refuses what a client must not go on without, and the door does not do.
    func checkExpectation() throws(Fault) {
        guard let expect, expect.trimmed.lowercased() != "100-continue" else { return }
        throw .badHeader("expect", "asks for something that this gateway does not do", status: 417)
    }

    /// How the body is compressed; `nil`: not at all, or in a way that ``checkBodyKind()`` refuses.
    var bodyCoding: Inflater.Coding? {
        switch contentEncoding?.trimmed.lowercased() {
        case "gzip", "x-gzip": .gzip
        case "deflate": .deflate
        default: nil
        }
    }

    /// Refuses bodies that the door cannot read.
    func checkBodyKind() throws(Fault) {
        if hasForeignCoding { throw .badHeader("transfer-encoding", "may be chunked only", status: 501) }
        if let contentEncoding, bodyCoding == nil, !contentEncoding.trimmed.isEmpty, contentEncoding.trimmed.lowercased() != "identity" {
            throw .unknownContentCoding
        }
        // OpenAI's own answer to another type is a 400, so SDKs know it.
        guard let contentType else { return }
        let type = contentType.prefix { $0 != ";" }.trimmed.lowercased()
        guard type == "application/json" || (type.hasPrefix("application/") && type.hasSuffix("+json")) else {
            throw .badHeader("content-type", "must be application/json")
        }
    }
}

extension Fault {
    /// Answered with `accept-encoding` in its headers, as RFC 9110, 15.5.16, asks.
    static let unknownContentCoding = badHeader(
        "content-encoding", "names a coding that is not accepted: \(HeaderText.contentCodings) or an uncompressed body are", status: 415)

    /// - Parameter rule: half a sentence that follows the header's name.
    static func badHeader(_ name: String, _ rule: String, status: Int? = nil) -> Fault {
        Fault(.invalidRequest, origin: .downstream, message: "The header \(name) \(rule).", parameter: name, httpStatusOverride: status)
    }
}
