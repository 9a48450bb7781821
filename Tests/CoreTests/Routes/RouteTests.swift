import GatewayCore
import GatewayJSON
import NIOCore
import SeededRandomness
import Testing

@Suite("Arbitrated routes")
struct RouteTests {
    private static func traits(_ body: String) -> (RequestTraits, text: String) {
        var workspace = RequestWorkspace()
        var text: [UInt8] = []
        let traits = workspace.traits(of: ByteBuffer(string: body), text: &text)
        return (traits, String(decoding: text, as: UTF8.self))
    }

    @Test("a request's traits are read in every dialect")
    func reads() {
        let (chat, text) = Self.traits(
            #"""
            {"model":"auto","messages":[{"role":"system","content":"be brief"},{"role":"user","content":"first"},{"role":"assistant","content":"yes"},
            {"role":"user","content":[{"type":"text","text":"last \u00e9"},{"type":"image_url","image_url":{"url":"x"}}]}],
            "tools":[{"type":"function","function":{"name":"find"}},{"type":"function","function":{"name":"post"}}],
            "response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","required":["a","b"]}}}}
            """#)
        #expect(text == "last é")
        #expect(chat.turns == 4 && chat.tools == 2 && chat.hasImages && chat.wantsJSON)
        #expect(chat.toolNames == ["find", "post"] && chat.requiredMembers == ["a", "b"])
        #expect(chat.needs == .all)
        let (messages, said) = Self.traits(
            #"{"model":"auto","system":"s","messages":[{"role":"user","content":"hi"}],"tools":[{"name":"find","input_schema":{}}]}"#)
        #expect(said == "hi" && messages.turns == 1 && messages.toolNames == ["find"] && messages.needs == .tools)
        let (responses, asked) = Self.traits(#"{"model":"auto","input":"what?","text":{"format":{"type":"json_object"}}}"#)
        #expect(asked == "what?" && responses.needs == .structuredOutput)
        #expect(Self.traits(#"{"model":"auto","prompt":["one","two"]}"#).text == "one\ntwo")
        #expect(Self.traits("no JSON").0 == RequestTraits())
    }

    @Test("turns of one conversation are known as such, and the same question again")
    func conversations() {
        func chat(_ texts: String...) -> RequestTraits {
            let messages = texts.enumerated().map { #"{"role":"\#($0.isMultiple(of: 2) ? "user" : "assistant")","content":"\#($1)"}"# }
            return Self.traits(#"{"messages":[\#(messages.joined(separator: ","))]}"#).0
        }
        #expect(chat("a").conversation == chat("a", "b", "c").conversation)
        #expect(chat("a").conversation != chat("c", "b", "a").conversation)
        #expect(chat("a").question == chat("a").question && chat("a").question != chat("a", "b", "a").question)
        func other(_ model: String, _ system: String, _ member: String = "") -> RequestTraits {
            Self.traits(#"{"model":"\#(model)","messages":[{"role":"user","content":"a"}],"system":"\#(system)"\#(member)}"#).0
        }
        // Whatever is asked beside it, or before it, makes it another question; the model's name does not.
        #expect(other("x", "s").question == other("y", "s").question)
        #expect(other("x", "s").question != other("x", "t").question)
        #expect(other("x", "s").question != other("x", "s", #","tools":[{"name":"f"}]"#).question)
        #expect(other("x", "s").conversation == other("y", "s", #","tools":[{"name":"f"}]"#).conversation)
        #expect(other("x", "s").conversation != other("x", "t").conversation)
    }

    @Test("what tools say is no word of the user, and makes another question")
    func tools() {
        func agent(_ results: String...) -> (RequestTraits, text: String) {
            let turns = results.map {
                #"{"role":"assistant","content":[{"type":"tool_use","id":"i","name":"f","input":{}}]},"#
                    + #"{"role":"user","content":[{"type":"tool_result","tool_use_id":"i","content":[{"type":"text","text":"\#($0)"}]}]}"#
            }
            return Self.traits(#"{"messages":[\#(([#"{"role":"user","content":"do it"}"#] + turns).joined(separator: ","))]}"#)
        }
        #expect(agent("x").text == "do it" && agent("x", "y").text == "do it")
        #expect(agent("x").0.question == agent("x").0.question)
        #expect(agent("x").0.question != agent("y").0.question)
        #expect(agent("x").0.conversation == agent("y", "z").0.conversation)
        // Where the user has said nothing that the request holds, it is all there is.
        let alone = Self.traits(#"{"input":[{"type":"function_call_output","call_id":"i","output":"found"}]}"#)
        #expect(alone.text == "found")
        let result = Self.traits(#"{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"i","content":"found"}]}]}"#)
        #expect(result.0.turns == 1)
        #expect(result.text == "found")
    }

    @Test("media counts as a figure, wherever it stands, and not by its bytes")
    func media() {
        let data = String(repeating: "A", count: 40_000)
        let image = #"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"\#(data)"}}"#
        func input(_ body: String) -> (RequestTraits, tokens: UInt64) {
            let traits = Self.traits(body).0
            return (traits, traits.inputTokens(bytes: body.utf8.count))
        }
        let bodies = [
            #"{"messages":[{"role":"user","content":[\#(image),{"type":"text","text":"what is it?"}]}]}"#,
            #"{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"i","content":[\#(image)]}]}]}"#,
            #"{"input":[{"type":"function_call_output","output":[{"type":"input_image","image_url":"data:image/png;base64,\#(data)"}]}]}"#,
            #"{"messages":[{"role":"tool","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,\#(data)"}}]}]}"#,
        ]
        for body in bodies {
            let (traits, tokens) = input(body)
            #expect(traits.needs == .vision && traits.mediaParts == 1, "\(body.prefix(80))")
            #expect((1_000...1_040).contains(tokens), "\(tokens)")
        }
        let source = #"{"type":"base64","media_type":"application/pdf","data":"\#(data)"}"#
        let document = input(#"{"messages":[{"role":"user","content":[{"type":"document","source":\#(source)}]}]}"#)
        #expect(document.0.mediaParts == 1 && document.0.needs.isEmpty && document.tokens < 1_040)
        let words = input(#"{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"text","data":"\#(data)"}}]}]}"#)
        #expect(words.0.mediaParts == 0 && words.tokens >= 10_000)
    }

    @Test("JSON is asked for in the words of every dialect")
    func formats() {
        let format = #"{"type":"json_schema","schema":{"type":"object","required":["a"]}}"#
        let members = [
            #""output_format":\#(format)"#, #""output_config":{"format":\#(format),"effort":"low"}"#, #""text":{"format":\#(format)}"#,
        ]
        for member in members {
            let (traits, _) = Self.traits(#"{\#(member),"messages":[]}"#)
            #expect(traits.wantsJSON && traits.requiredMembers == ["a"], "\(member)")
        }
        #expect(!Self.traits(#"{"output_config":{"effort":"low"},"messages":[]}"#).0.wantsJSON)
    }

    @Test("answers that are asked for at once cost as many times as much, each under the cap")
    func choices() throws {
        let route = Self.route(ArbitrationSettings())
        let knowledge = try #require(RouteKnowledge(route, id: 0, learned: [], now: RouteStatistics.Hour(index: 10)))
        let loop = LoopRoute(knowledge)
        let price = Price(input: 0, cacheRead: 0, cacheWrite: 0, output: 1_000_000)
        func cost(_ cap: UInt64?, _ choices: UInt64) -> Double {
            loop.candidate(0, price: price, inputTokens: 1, maxOutputTokens: cap, choices: choices).costUSD
        }
        #expect(cost(100, 1) > 0)
        #expect(cost(100, 3) == 3 * cost(100, 1) && cost(nil, 2) == cost(512, 2))
        #expect(cost(.max, .max) > cost(nil, 2))
    }

    private static func form(_ traits: RequestTraits, _ fragments: [AnswerFragment], _ reason: FinishReason = .stop) -> [String] {
        var form = AnswerForm(traits)
        form.take(AnswerChunk(raw: ByteBuffer(), dialect: .openAI, fragments: fragments))
        var index = JSONIndex()
        return form.signals([AnswerFinish(choice: 0, reason: reason, providerReason: "")], SignalWeights(), index: &index).map(\.text)
    }

    private static func fragment(_ kind: AnswerItemKind, _ text: String, name: String? = nil, index: Int = 0) -> AnswerFragment {
        AnswerFragment(
            key: AnswerItemKey(choice: 0, kind: kind, index: index), name: name, text: ByteBuffer(string: text), rawRange: nil)
    }

    @Test("an answer's form says what it was worth")
    func forms() {
        let plain = RequestTraits()
        #expect(Self.form(plain, [Self.fragment(.text, "hello")]).isEmpty)
        #expect(Self.form(plain, [Self.fragment(.text, "hel")], .length) == ["truncation=0.0*0.25"])
        #expect(Self.form(plain, [], .contentFilter) == ["refusal=0.0*0.25"])
        #expect(Self.form(plain, [Self.fragment(.refusal, "no")]) == ["refusal=0.0*0.25"])
        let (json, _) = Self.traits(
            #"{"response_format":{"type":"json_schema","json_schema":{"schema":{"required":["a"]}}},"tools":[{"function":{"name":"f"}}]}"#)
        #expect(Self.form(json, [Self.fragment(.text, #"{"a""#), Self.fragment(.text, ":1}")]) == ["structured_output=1.0*0.5"])
        for bad in [#"{"b":1}"#, "[1]", "{", "", "```json\n{\"a\":1}```"] {
            #expect(Self.form(json, [Self.fragment(.text, bad)]) == ["structured_output=0.0*0.5"])
        }
        #expect(Self.form(json, [Self.fragment(.text, String(repeating: " ", count: 70_000))]).isEmpty)
        #expect(Self.form(json, [Self.fragment(.toolCall, #"{"x":1}"#, name: "f")]) == ["tool_call=1.0*0.5"])
        #expect(Self.form(json, [Self.fragment(.toolCall, "", name: "f")]) == ["tool_call=1.0*0.5"])
        #expect(Self.form(json, [Self.fragment(.toolCall, #"{"x""#, name: "f")]) == ["tool_call=0.0*0.5"])
        #expect(Self.form(json, [Self.fragment(.toolCall, "{}", name: "invented")]) == ["tool_call=0.0*0.5"])
        let signs = [ObservedQuality(.truncation, quality: 0, weight: 0.25), ObservedQuality(.toolCall, quality: 1, weight: 0.75)]
        #expect(signs.combined?.quality == 0.75 && signs.combined?.weight == 1)
        #expect([ObservedQuality]().combined == nil)
    }

    static func route(_ settings: ArbitrationSettings, _ traits: [ModelTraits] = [ModelTraits(), ModelTraits()]) -> ArbitratedRoute {
        let arms = traits.enumerated().map { index, traits in
            UpstreamTarget(
                model: "m\(index)", provider: "p", upstreamModel: "m\(index)",
                settings: ModelSettings(
                    price: Price(input: 1, cacheRead: 1, cacheWrite: 1, output: 1),
                    cache: CacheSettings(mode: .off, timeToLiveNanoseconds: 0), firstByteTimeoutNanoseconds: 1,
                    idleTimeoutNanoseconds: 1, traits: traits))
        }
        return ArbitratedRoute(name: "auto", arms: arms, settings: settings)
    }

    @Test("what an arm cannot serve it is not asked")
    func feasibility() {
        var small = ModelTraits()
        small.contextTokens = 100
        small.supports = [.tools]
        small.region = "eu"
        let arm = Self.route(ArbitrationSettings(), [small]).arms[0]
        func why(
            _ traits: RequestTraits = RequestTraits(), input: UInt64 = 10, output: UInt64? = nil, regions: Set<String>? = nil
        ) -> String? {
            arm.infeasibility(traits, inputTokens: input, maxOutputTokens: output, tenant: TenantArbitration(regions: regions))?.rawValue
        }
        #expect(why() == nil && why(input: 60, output: 40) == nil && why(regions: ["eu"]) == nil)
        #expect(why(input: 60, output: 41) == "context_length" && why(input: .max, output: 1) == "context_length")
        #expect(why(regions: ["us"]) == "residency")
        var traits = RequestTraits()
        traits.hasImages = true
        #expect(why(traits) == "vision")
        traits.hasImages = false
        traits.wantsJSON = true
        #expect(why(traits) == "structured_output")
        traits.wantsJSON = false
        traits.tools = 1
        #expect(why(traits) == nil)
    }

    @Test("a loop decides by what is known, keeps conversations, and spends no more on learning than it may")
    func decides() throws {
        var settings = ArbitrationSettings(
            dials: ArbitrageDials(qualityPerMilliUSD: 0.001), explorationShare: 1, explorationNanoUSDPerHour: 5_000_000, seed: 7)
        settings.weights = SignalWeights()
        let route = Self.route(settings)
        let hour = RouteStatistics.Hour(index: 10)
        let features = FeatureVector(SIMD32(repeating: 0.1))
        var random = SeededRandom(seed: 1)
        func loop(_ learned: [LearnedHour]) throws -> LoopRoute {
            LoopRoute(try #require(RouteKnowledge(route, id: 5, learned: learned, now: hour)))
        }
        let candidates = [ArmCandidate(arm: 0, costUSD: 0.001), ArmCandidate(arm: 1, costUSD: 0.002)]
        func decide(_ loop: inout LoopRoute, _ candidates: [ArmCandidate], incumbent: Int? = nil, hour: RouteStatistics.Hour = hour)
            -> DecisionRecord?
        {
            loop.decide(
                features, candidates, infeasible: [], dials: settings.dials,
                conversation: incumbent.map { ConversationChoice.forTests($0, 0) }, now: hour,
                random: &random)
        }
        // Nothing is known: the cheap one, now and then the other, until an hour's money is spent.
        var fresh = try loop([])
        var explored = 0
        for _ in 0..<400 {
            let decision = try #require(decide(&fresh, candidates))
            #expect(decision.snapshot == 5)
            if decision.reason == .exploration { explored += 1 }
        }
        #expect((1...3).contains(explored))
        // The dear one is known to be far better.
        var statistics = ArmStatistics()
        for _ in 0..<50 { statistics.observe(features, quality: 1) }
        var bad = ArmStatistics()
        for _ in 0..<50 { bad.observe(features, quality: 0) }
        let learned = [
            LearnedHour(name: LearnedName(route: "auto", arm: "m1"), hour: hour, statistics: statistics),
            LearnedHour(name: LearnedName(route: "auto", arm: "m0"), hour: hour, statistics: bad),
            LearnedHour(name: LearnedName(route: "other", arm: "m0"), hour: hour, statistics: statistics),
        ]
        var taught = try loop(learned)
        #expect(decide(&taught, candidates)?.arm == 1)
        // Far better, by more than a conversation's prompt cache is worth; or not.
        let left = try #require(decide(&taught, candidates, incumbent: 0))
        #expect(left.arm == 1 && left.reason == .best && left.incumbent == 0)
        let kept = try #require(decide(&taught, candidates, incumbent: 1))
        #expect(kept.arm == 1 && kept.reason == .sticky && !kept.couldExplore)
        for record in [left, kept] {
            let read = try DecisionRecord(json: record.json)
            #expect(read.decidedAgain()?.arm == record.arm && read.decidedAgain()?.reason == record.reason)
            #expect(read.propensities() == record.candidates.map { $0.belief.arm == record.arm ? 1 : 0 })
        }
        #expect(decide(&taught, [candidates[1]], incumbent: 0)?.reason == .onlyCandidate)
        // The floor has retired the first: no conversation keeps it.
        settings.floor = 0.9
        let strict = Self.route(settings)
        var floored = LoopRoute(try #require(RouteKnowledge(strict, id: 5, learned: learned, now: hour)))
        let strictly = try #require(decide(&floored, candidates, incumbent: 0))
        #expect(strictly.arm == 1 && strictly.reason == .onlyCandidate && strictly.incumbent == nil)
        #expect(strictly.infeasible == [.init(name: "m0", reason: .belowFloor)])
        #expect(try DecisionRecord(json: strictly.json).decidedAgain()?.arm == 1)
        // Both are: the better one, and so it is read in the record.
        let none = try #require(decide(&floored, [candidates[0]]))
        #expect(none.arm == 0 && none.infeasible.isEmpty)
        #expect(decide(&taught, []) == nil)
        // Statistics that nobody can have learned make no knowledge.
        var words = [Int64](repeating: 0, count: ArmStatistics.size)
        words[0] = -(1 << 40)
        let impossible = try #require(ArmStatistics(words: words))
        #expect(!impossible.isPlausible)
        #expect(
            RouteKnowledge(
                route, id: 1, learned: [LearnedHour(name: LearnedName(route: "auto", arm: "m0"), hour: hour, statistics: impossible)],
                now: hour) == nil)
    }

    @Test("a route of a new configuration goes on with what was seen and spent, where its arms are the same")
    func reloads() throws {
        let settings = ArbitrationSettings(explorationShare: 1, explorationNanoUSDPerHour: 5_000_000, seed: 7)
        let hour = RouteStatistics.Hour(index: 10)
        let features = FeatureVector(SIMD32(repeating: 0.1))
        var random = SeededRandom(seed: 1)
        let route = Self.route(settings)
        var loop = LoopRoute(try #require(RouteKnowledge(before: route)))
        #expect(loop.knowledge.id == 0)
        loop.answered(arm: 0, outputTokens: 1_000, seconds: 2)
        let candidates = [ArmCandidate(arm: 0, costUSD: 0.002), ArmCandidate(arm: 1, costUSD: 0.002)]
        func explored(_ loop: inout LoopRoute) -> Int {
            (0..<200).count { _ in
                loop.decide(
                    features, candidates, infeasible: [], dials: ArbitrageDials(), conversation: nil, now: hour, random: &random)?.reason
                    == .exploration
            }
        }
        // A third would be more than an hour's money.
        #expect(explored(&loop) == 2)
        var half = LoopRoute(try #require(RouteKnowledge(before: route)), share: 2)
        #expect(explored(&half) == 1)
        let same = Self.route(settings)
        #expect(loop.fits(same) && !loop.fits(Self.route(settings, [ModelTraits()])))
        let learned = try #require(RouteKnowledge(same, id: 9, learned: [], now: hour, after: loop.knowledge))
        var next = loop.following(learned)
        #expect(next.knowledge === learned)
        #expect(explored(&next) == 0)
        let price = Price(input: 1, cacheRead: 1, cacheWrite: 1, output: 1)
        let seen = next.candidate(0, price: price, inputTokens: 10, maxOutputTokens: nil)
        #expect(seen == loop.candidate(0, price: price, inputTokens: 10, maxOutputTokens: nil) && seen.latencySeconds == 2)
        // With another arm before it, and one gone: what was seen of it goes on at its new place.
        let more = Self.route(settings, [ModelTraits(), ModelTraits(), ModelTraits()])
        let moved = ArbitratedRoute(name: "auto", arms: [more.arms[2], more.arms[0]], settings: settings)
        var changed = next.following(try #require(RouteKnowledge(before: moved)))
        #expect(changed.candidate(1, price: price, inputTokens: 10, maxOutputTokens: nil).latencySeconds == 2)
        #expect(explored(&changed) == 0)
        changed.answered(arm: 0, outputTokens: 10, seconds: 1)
        #expect(changed.candidate(0, price: price, inputTokens: 10, maxOutputTokens: nil).latencySeconds == 1)
    }

    @Test("a precision that was chosen is kept while observations hardly grow; what is known is the same as if it were made anew")
    func grows() throws {
        let route = Self.route(ArbitrationSettings())
        let hour = RouteStatistics.Hour(index: 10)
        var random = SeededRandom(seed: 3)
        var statistics = ArmStatistics()
        func learned(_ count: Int) -> [LearnedHour] {
            for _ in 0..<count {
                var lanes = SIMD32<Float>(repeating: 0)
                for lane in 0..<32 { lanes[lane] = Float.random(in: -1...1, using: &random) }
                statistics.observe(FeatureVector(lanes), quality: lanes[3] > 0 ? 1 : 0)
            }
            return [LearnedHour(name: LearnedName(route: "auto", arm: "m1"), hour: hour, statistics: statistics)]
        }
        func model(_ knowledge: RouteKnowledge?) throws -> BanditModel {
            guard case .thompson(let policy)? = knowledge?.policy else { throw RouteTestsError() }
            return policy.model
        }
        let first = RouteKnowledge(route, id: 1, learned: learned(400), now: hour)
        let second = RouteKnowledge(route, id: 2, learned: learned(4), now: hour, after: first)
        #expect(try model(second).precision == model(first).precision)
        #expect(try model(second).statistics.map(\.weight) == [0, 404])
        let third = RouteKnowledge(route, id: 3, learned: learned(400), now: hour, after: second)
        #expect(try model(third).precision == model(RouteKnowledge(route, id: 3, learned: learned(0), now: hour)).precision)
    }

    @Test("a lease reads back as it was written, and what is none is an answer that nobody claimed")
    func leases() throws {
        for (score, end) in [(0, 0), (1_000_000, 1_767_225_600_123)] as [(UInt64, Int64)] {
            let lease = FeedbackLease(scoreMillionths: score, endUnixMilliseconds: end)
            let bytes = lease.encoded(before: [1, 2, 3])
            let (read, answer) = try #require(FeedbackLease.split(bytes))
            #expect(read == lease && answer == [1, 2, 3])
            for length in 1..<21 { #expect(FeedbackLease.split(Array(bytes.prefix(length))) == nil) }
        }
        let (none, answer) = try #require(FeedbackLease.split([1, 2]))
        #expect(none == nil && answer == [1, 2])
    }

    @Test("each policy decides, and says by which rule", arguments: ["fixed", "cheapest", "weighted", "epsilon"])
    func policies(name: String) throws {
        let policy: ArbitrationSettings.Policy =
            switch name {
            case "fixed": .fixed
            case "cheapest": .cheapest
            case "weighted": .weighted([0, 1])
            default: .epsilonGreedy(0)
            }
        let route = Self.route(ArbitrationSettings(policy: policy))
        let features = FeatureVector(SIMD32(repeating: 0.1))
        let hour = RouteStatistics.Hour(index: 10)
        var statistics = ArmStatistics()
        for _ in 0..<9 { statistics.observe(features, quality: 1) }
        let learned = [LearnedHour(name: route.learnedName(1, features), hour: hour, statistics: statistics)]
        var loop = LoopRoute(try #require(RouteKnowledge(route, id: 5, learned: learned, now: hour)))
        var random = SeededRandom(seed: 1)
        let candidates = [ArmCandidate(arm: 0, costUSD: 0.002), ArmCandidate(arm: 1, costUSD: 0.001)]
        let decision = try #require(
            loop.decide(features, candidates, infeasible: [], dials: ArbitrageDials(), conversation: nil, now: hour, random: &random))
        #expect(decision.arm == (name == "fixed" ? 0 : 1))
        // A conversation stays where something is learned, and nowhere else.
        let other = 1 - decision.arm
        let later = loop.decide(
            features, candidates, infeasible: [], dials: ArbitrageDials(qualityPerMilliUSD: 1),
            conversation: ConversationChoice.forTests(other, 1_000_000), now: hour, random: &random)
        #expect(later?.arm == (name == "epsilon" ? other : decision.arm))
        #expect(later?.incumbent == (name == "epsilon" ? other : nil))
        #expect(try DecisionRecord(json: decision.json) == decision)
    }

    @Test("rows about arbitrated requests read back as they were written, and nothing else does")
    func rows() throws {
        let answer = ArbitratedAnswer(
            id: RequestID(high: 7 << 16, low: 9), tenant: "acme", department: "d", user: nil, keyID: "k", route: "auto", arm: "m0",
            features: FeatureVector(SIMD32(repeating: -0.25)))
        #expect(ArbitratedAnswer(decoding: answer.encoded()) == answer)
        let decision = LedgerDecision(
            requestID: answer.id, tenant: "acme", department: nil, user: "u", keyID: "k", route: "auto", model: "m0", record: "{}",
            signals: [ObservedQuality(.truncation, quality: 0, weight: 0.25)])
        let reward = LedgerReward(answer, ObservedQuality(.feedback, quality: 0.75, weight: 1))
        var elsewhere = answer
        elsewhere.arm = "m1"
        let failures = [answer, elsewhere].map { LedgerReward($0, ObservedQuality(.error, quality: 0, weight: 0.5)) }
        let entries: [LedgerEntry] = [.decision(decision), .reward(reward)] + failures.map { .reward($0) }
        #expect(Set(entries.map(\.id) + [answer.id]).count == 5)
        for entry in entries {
            let bytes = entry.encoded()
            #expect(try LedgerEntry(decoding: bytes) == entry)
            for length in 0..<bytes.count { #expect(throws: LedgerEntryFault.self) { try LedgerEntry(decoding: bytes.prefix(length)) } }
            // A program that knows version 1 alone must say that it does not know this one.
            #expect(bytes[0] == 2)
            #expect(throws: LedgerEntryFault.malformed) { try LedgerEntry(decoding: [1] + bytes.dropFirst()) }
        }
    }
}

private struct RouteTestsError: Error {}
