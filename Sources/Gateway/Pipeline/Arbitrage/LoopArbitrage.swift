package import GatewayCore
import NIOCore

/// One event loop's side of all arbitrated names. Confined to its loop.
final class LoopArbitrage {
    /// What the process learns; `nil`: nothing is.
    let learner: ArbitrageLearner?
    private var routes: [ObjectIdentifier: LoopRoute] = [:]
    private var extractor = FeatureExtractor()
    /// Memory of the last request's text, for the next.
    private var text: [UInt8] = []

    init(learner: ArbitrageLearner?) {
        self.learner = learner
    }

    func take(_ knowledge: [RouteKnowledge]) {
        for one in knowledge {
            let id = ObjectIdentifier(one.route)
            if routes[id] == nil { routes[id] = LoopRoute(one) } else { routes[id]?.take(one) }
        }
    }

    /// Forgets names that a new configuration has replaced. Requests under way may bring some of them back; the next reload forgets those.
    func forget(all but: [ArbitratedRoute]) {
        let kept = Set(but.map { ObjectIdentifier($0) })
        routes = routes.filter { kept.contains($0.key) }
    }

    /// Works on the loop's side of a route, which begins with what is known before anything was learned.
    func with<Result>(_ route: ArbitratedRoute, _ body: (inout LoopRoute) -> Result?) -> Result? {
        let id = ObjectIdentifier(route)
        guard
            var own = routes.removeValue(forKey: id)
                ?? RouteKnowledge(route, id: 0, learned: [], now: RouteStatistics.Hour(index: 0)).map({ LoopRoute($0) })
        else { return nil }
        defer { routes[id] = own }
        return body(&own)
    }

    /// What a request asks, and its features.
    func read(_ body: ByteBuffer, with workspace: inout RequestWorkspace) -> (traits: RequestTraits, features: FeatureVector) {
        let traits = workspace.traits(of: body, text: &text)
        let features = text.withUnsafeBytes { extractor.features(of: $0, shape: traits.shape) }
        return (traits, features)
    }
}

extension GatewayLoop {
    /// Takes what is known of arbitrated names now.
    package func take(_ knowledge: [RouteKnowledge]) { arbitrage.take(knowledge) }
}
