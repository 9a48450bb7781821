package import GatewayCore
import NIOCore

/// One event loop's side of all arbitrated names. Confined to its loop.
final class LoopArbitrage {
    /// What the process learns; `nil`: nothing is.
    let learner: ArbitrageLearner?
    /// How many event loops there are.
    private let share: Int
    /// By name.
    private var routes: [String: LoopRoute] = [:]
    private var extractor: FeatureExtractor
    private var counters = DecisionCounters()
    /// Memory of the last request's text, for the next.
    private var text: [UInt8] = []

    init(learner: ArbitrageLearner?, routes: [ArbitratedRoute], share: Int, languages: LanguageModel) {
        self.learner = learner
        extractor = FeatureExtractor(languages: languages)
        self.share = share
        follow(routes, [])
    }

    /// Names that no longer are those of the configuration, or not yet, are left aside.
    func take(_ knowledge: [RouteKnowledge]) {
        for one in knowledge { routes[one.route.name]?.take(one) }
    }

    /// Takes the names of a configuration, with what the process knows of them. What this loop saw of a name's arms goes on.
    func follow(_ new: [ArbitratedRoute], _ knowledge: [RouteKnowledge]) {
        var next: [String: LoopRoute] = [:]
        for route in new {
            guard let known = knowledge.first(where: { $0.route === route }) ?? RouteKnowledge(before: route) else { continue }
            next[route.name] = routes[route.name]?.following(known) ?? LoopRoute(known, share: share)
        }
        routes = next
        counters.forget()
    }

    /// Works on the loop's side of a route. A request that came under a configuration of before, whose arms were others, knows nothing.
    func with<Result>(_ route: ArbitratedRoute, _ body: (inout LoopRoute) -> Result?) -> Result? {
        if var own = routes[route.name], own.fits(route) {
            routes[route.name] = nil
            defer { routes[route.name] = own }
            return body(&own)
        }
        guard var passing = RouteKnowledge(before: route).map({ LoopRoute($0, share: share) }) else { return nil }
        return body(&passing)
    }

    /// A decision was carried out.
    func count(_ route: ArbitratedRoute, _ record: DecisionRecord) {
        guard route.arms.indices.contains(record.arm) else { return }
        counters.count(route.name, route.arms[record.arm].model, record.reason)
    }

    /// What a request asks, and its features.
    func read(_ body: ByteBuffer, with workspace: inout RequestWorkspace) -> (traits: RequestTraits, features: FeatureVector) {
        var traits = workspace.traits(of: body, text: &text)
        let reading = text.withUnsafeBytes { extractor.reading(of: $0, shape: traits.shape) }
        traits.mix = reading.mix
        return (traits, reading.features)
    }
}

extension GatewayLoop {
    /// Takes what is known of arbitrated names now.
    package func take(_ knowledge: [RouteKnowledge]) { arbitrage.take(knowledge) }
}
