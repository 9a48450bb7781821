import Tracing

/// Carries the task's trace context as `traceparent`, as a tracer of the caller's would. Calls outside of a context carry none.
struct TraceInstrument: Instrument {
    /// Once for the process.
    static let isThere: Bool = {
        InstrumentationSystem.bootstrap(TraceInstrument())
        return true
    }()

    func extract<Carrier, Extract>(_ carrier: Carrier, into context: inout InstrumentationContext, using extractor: Extract)
    where Extract: Extractor, Extract.Carrier == Carrier {
        context.testTraceparent = extractor.extract(key: "traceparent", from: carrier)
    }

    func inject<Carrier, Inject>(_ context: InstrumentationContext, into carrier: inout Carrier, using injector: Inject)
    where Inject: Injector, Inject.Carrier == Carrier {
        if let traceparent = context.testTraceparent { injector.inject(traceparent, forKey: "traceparent", into: &carrier) }
    }
}

extension InstrumentationContext {
    private enum Key: InstrumentationContextKey {
        typealias Value = String
    }

    var testTraceparent: String? {
        get { self[Key.self] }
        set { self[Key.self] = newValue }
    }
}
