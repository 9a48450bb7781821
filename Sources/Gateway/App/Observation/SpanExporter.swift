import Foundation
import GatewayConfiguration
import GatewayCore
import GatewayCrypto
import GatewayPipeline
import Logging
import Metrics
import NIOCore
import Providers

/// Brings finished spans to a collector, over OTLP/HTTP in its JSON form. Beside the data path: what the collector does not take in time is dropped and
/// counted, and no request waits for it.
struct SpanExporter: Sendable {
    /// Spans that may wait, and of one export.
    static let capacity = 8_192
    private static let batch = 512
    /// A collector's word on what it took is short.
    private static let maxAnswerBytes = 64 << 10
    private static let interval = Duration.milliseconds(500)
    /// Attempts at one batch, where the collector is away or asks for patience.
    private static let maxAttempts = 3

    private let queue: SpanQueue
    private let request: UpstreamRequest
    private let timeout: TimeAmount
    private let pool: NIOLoopBound<UpstreamPool>
    private let resource: [Span.Attribute]
    private let logger: Logger
    private let exported = Counter(label: "agentshield.traces.exported")
    private let failed = Counter(label: "agentshield.traces.failed")

    /// - Throws: what is wrong with the endpoint, its CA file or its headers.
    init(
        _ settings: Configuration.Tracing, serviceName: String, replica: Configuration.Replica, queue: SpanQueue,
        eventLoop: any EventLoop, logger: Logger
    ) async throws {
        self.queue = queue
        self.logger = logger
        timeout = TimeAmount(settings.timeout)
        let url = settings.endpoint
        var limits = UpstreamLimits()
        limits.maxConnections = 1
        let base = ProviderURL(usesTLS: url.usesTLS, host: url.host, port: url.port, path: "")
        let endpoint = try UpstreamEndpoint(
            baseURL: base.text, tls: url.usesTLS ? UpstreamTLS(trustRoots: settings.trustRoots) : nil,
            timeouts: UpstreamTimeouts(connect: timeout, firstByte: timeout, idle: timeout, queue: timeout), limits: limits)
        var headers = UpstreamHeaders()
        try headers.add("content-type", "application/json")
        try headers.add("user-agent", "agentshield/\(GatewayVersion.current)")
        for header in settings.headers {
            try headers.add(header.name, header.value.withUnsafeBytes { String(decoding: $0, as: UTF8.self) })
        }
        let path = url.path.hasSuffix("/v1/traces") ? url.path : url.path + "/v1/traces"
        request = UpstreamRequest(endpoint: endpoint, path: path, headers: headers)
        resource =
            [
                Span.Attribute("service.name", .text(serviceName)),
                Span.Attribute("service.version", .text(GatewayVersion.current)),
                Span.Attribute("service.instance.id", .text(replica.id ?? ProcessInfo.processInfo.hostName)),
            ] + (replica.region.map { [Span.Attribute("cloud.region", .text($0))] } ?? [])
        pool = try await eventLoop.submit { NIOLoopBound(UpstreamPool(eventLoop: eventLoop), eventLoop: eventLoop) }.get()
    }

    /// For what waits at the process' end.
    private static let lastTimeout = TimeAmount.seconds(2)

    /// Exports until it is cancelled; then what waits, once and within ``lastTimeout``. What is left is counted as lost.
    func run() async {
        var outage = OutageLog()
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.interval)
            if !Task.isCancelled { await exportAll(&outage) }
        }
        await exportTheRest()
        try? await pool.eventLoop.submit { [pool] in pool.value.shutDown() }.get()
    }

    private func exportTheRest() async {
        let end = NIODeadline.now() + min(timeout, Self.lastTimeout)
        while case let spans = queue.take(Self.batch), !spans.isEmpty {
            let time = end - .now()
            if time > .zero {
                count(await export(spans, attempts: 1, timeout: time), of: spans.count)
            } else {
                failed.increment(by: spans.count)
            }
        }
    }

    private func exportAll(_ outage: inout OutageLog) async {
        while !Task.isCancelled {
            let spans = queue.take(Self.batch)
            guard !spans.isEmpty else { return }
            let result = await export(spans, attempts: Self.maxAttempts, timeout: timeout)
            count(result, of: spans.count)
            guard case .failure(let reason) = result else {
                if outage.worked(now: .now()) { logger.notice("the collector takes traces again") }
                continue
            }
            if outage.failed(now: .now()) {
                logger.warning("traces are lost: the collector does not take them", metadata: ["reason": "\(reason)"])
            }
            // What came meanwhile is tried at the next interval, or dropped by the queue.
            return
        }
    }

    /// Why the collector did not take a batch.
    private struct Refusal: Error, CustomStringConvertible {
        var description: String
    }

    private func count(_ result: Result<Int, Refusal>, of spans: Int) {
        let taken = (try? result.get()).map { max(0, spans - $0) } ?? 0
        exported.increment(by: taken)
        failed.increment(by: spans - taken)
    }

    /// - Returns: how many of them the collector refused.
    private func export(_ spans: [Span], attempts: Int, timeout: TimeAmount) async -> Result<Int, Refusal> {
        var request = request
        request.body = SpanExport.body(spans, of: resource, scopeVersion: GatewayVersion.current)
        var refusal = Refusal(description: "")
        for attempt in 1...attempts {
            if attempt > 1 {
                try? await Task.sleep(for: Self.interval * attempt)
                if Task.isCancelled { break }
            }
            let sent = request
            let answer = await pool.eventLoop.flatSubmit { [pool] in
                WholeAnswer.ask(sent, on: pool.value, statuses: 200..<300, maxBytes: Self.maxAnswerBytes, timeout: timeout)
            }.result()
            switch answer {
            case .success(let body):
                let rejected = SpanExport.rejectedSpans(in: body)
                if rejected > 0 { logger.warning("the collector refused spans", metadata: ["count": "\(rejected)"]) }
                return .success(rejected)
            case .failure(let error): refusal = Refusal(description: "\(error)")
            }
            // OTLP's statuses that allow another try, and what gave no status.
            if case .failure(WholeAnswer.Failure.status(let status)) = answer, ![429, 502, 503, 504].contains(status) { break }
        }
        return .failure(refusal)
    }
}

extension EventLoopFuture where Value: Sendable {
    fileprivate func result() async -> Result<Value, any Error> {
        do { return .success(try await get()) } catch { return .failure(error) }
    }
}
