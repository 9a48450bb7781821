import AgentShield
import Synchronization
import Tracing

/// Clients of the wire protocol for one round: one for each gateway and tenant.
final class WireCalls: Sendable {
    private let clients: [[AgentShieldClient]]

    init(_ gateways: [Gateway], _ tenants: [Tenant]) throws {
        clients = try gateways.map { gateway in
            try tenants.map { tenant in
                var settings = AgentShieldClient.Configuration(
                    address: Address(host: "localhost", port: gateway.tlsPort), apiKey: tenant.key)
                settings.trust = .file(gateway.authority)
                settings.deadline = .seconds(10)
                settings.retry.maxAttempts = 1
                settings.retry.maxConnectAttempts = 1
                return try AgentShieldClient(configuration: settings)
            }
        }
    }

    func run(_ job: Job, tenant: Tenant) async -> JobEnd {
        let client = clients[job.gateway][job.tenant]
        let request = ChatRequest(model: job.model, messages: [.user("Hello out there")])
        var options = CallOptions()
        options.endUser = job.mark
        let marked = options
        var context = InstrumentationContext.topLevel
        context.traceparent = job.traceparent
        let call = InstrumentationContext.withValue(context) {
            Task {
                job.isStreamed
                    ? try await client.stream(request, options: marked).collect() : try await client.chat(request, options: marked)
            }
        }
        let leaving = Task {
            guard job.kind == .cancelled else { return }
            try await Task.sleep(for: .milliseconds(job.leavesAfter))
            call.cancel()
        }
        defer { leaving.cancel() }
        do {
            let answer = try await call.value
            return .completed(Completed(id: answer.head.requestID, tenant: tenant.name, job: job))
        } catch let error as AgentShieldError {
            return error.isTold ? .refused(error.name) : .lost
        } catch {
            return .lost
        }
    }

    func shutdown() async {
        for client in clients.joined() { await client.shutdown(within: .zero) }
    }
}

/// Tells each call's trace context to the SDK, as an application's tracing would.
struct TraceparentInstrument: Instrument {
    func extract<Carrier, Extract>(_ carrier: Carrier, into context: inout InstrumentationContext, using extractor: Extract)
    where Extract: Extractor, Extract.Carrier == Carrier {
        context.traceparent = extractor.extract(key: "traceparent", from: carrier)
    }

    func inject<Carrier, Inject>(_ context: InstrumentationContext, into carrier: inout Carrier, using injector: Inject)
    where Inject: Injector, Inject.Carrier == Carrier {
        if let traceparent = context.traceparent { injector.inject(traceparent, forKey: "traceparent", into: &carrier) }
    }
}

extension InstrumentationContext {
    private enum Key: InstrumentationContextKey {
        typealias Value = String
    }

    fileprivate(set) var traceparent: String? {
        get { self[Key.self] }
        set { self[Key.self] = newValue }
    }
}

extension AgentShieldError {
    /// The gateway said so itself.
    fileprivate var isTold: Bool { !requestID.isEmpty && code.rawValue < 9_000 }
}
