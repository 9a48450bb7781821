import GatewayCore
import NIOCore
import Scrubbing
import SeededRandomness
import Testing

@testable import GatewayPipeline

@Suite("What an answer of the cache is found by", .timeLimit(.minutes(4)))
struct CacheKeyTests {
    /// Fields of the dialect, and some that nobody knows, each with values that differ for whoever reads them.
    private static let fields: [(name: String, values: [String])] = [
        ("temperature", ["0", "0.0001", "0.5", "2"]), ("top_p", ["1", "0.9"]), ("n", ["1", "2"]), ("seed", ["1", "-1", "null"]),
        ("max_tokens", ["1", "10"]), ("stop", [#""x""#, #"["x"]"#, #"["x","y"]"#, #"["xy"]"#]),
        ("presence_penalty", ["0", "0.1"]), ("logit_bias", ["{}", #"{"1":1}"#, #"{"1":2}"#]), ("user", [#""ana""#, #""bob""#]),
        ("metadata", [#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"b":"a"}"#]),
        ("response_format", [#"{"type":"text"}"#, #"{"type":"json_object"}"#]),
        ("tools", ["[]", #"[{"type":"function","function":{"name":"f"}}]"#, #"[{"type":"function","function":{"name":"g"}}]"#]),
        ("tool_choice", [#""none""#, #""auto""#]), ("parallel_tool_calls", ["true", "false"]), ("service_tier", [#""flex""#, #""auto""#]),
        ("reasoning_effort", [#""low""#, #""high""#]),
        ("x_nobody_knows", ["1", "[1]", #""1""#, #"{"a":[1,{"b":null}]}"#, #"{"a":[1,{"b":0}]}"#]),
    ]

    private static let texts = ["", "x", "X", "x ", " x", "x\\n", "\u{e4}", "a\u{308}", "x\\u0000", "<EMAIL_1>"]

    /// A random request; equal ones may come again.
    private static func body(using random: inout SeededRandom) -> String {
        func pick<T>(_ all: [T]) -> T? { all.randomElement(using: &random) }
        var members = fields.shuffled(using: &random).prefix(Int.random(in: 0..<3, using: &random)).map { field in
            #""\#(field.name)":\#(pick(field.values) ?? "null")"#
        }
        let messages = (0...Int.random(in: 0..<2, using: &random)).map { _ in
            let text = pick(texts) ?? ""
            let content = Bool.random(using: &random) ? #""\#(text)""# : #"[{"type":"text","text":"\#(text)"}]"#
            return #"{"role":"\#(pick(["user", "system", "assistant"]) ?? "")","content":\#(content)}"#
        }
        members.append(#""messages":[\#(messages.joined(separator: ","))]"#)
        return #"{"model":"memo",\#(members.joined(separator: ","))}"#
    }

    private static func caller(_ change: (inout (tenant: String, user: String?, version: String)) -> Void = { _ in }) -> Principal {
        var caller: (tenant: String, user: String?, version: String) = ("acme", "ana", "1")
        change(&caller)
        return Principal(
            keyID: "k", tenant: caller.tenant, user: caller.user, models: .only([ModelPattern("*")]), limits: SubjectLimits(),
            scrub: ScrubRules(name: "p", version: caller.version, policy: ScrubPolicy(), toolsWithRestoredArguments: []))
    }

    private static func key(_ rig: PipelineRig, _ body: String, _ principal: Principal = caller()) async throws -> CacheKey {
        let key = try await rig.onLoop { gateway in
            let request = gateway.begin(TestChat(json: body), as: principal)
            defer { request.exchange.value.cancel() }
            return request.exchange.value.cacheKey
        }
        return try #require(key, "\(body)")
    }

    @Test(
        "requests that differ in anything that a provider can read have different keys, equal ones the same",
        arguments: 0..<4 as Range<UInt64>)
    func everyField(seed: UInt64) async throws {
        try await PipelineRig.run { rig in
            var random = SeededRandom(seed: seed)
            // By their bytes: texts that Swift takes for equal are not.
            var keys: [[UInt8]: CacheKey] = [:]
            for _ in 0..<400 {
                let body = Self.body(using: &random)
                let key = try await Self.key(rig, body)
                #expect(keys.updateValue(key, forKey: Array(body.utf8)).map { $0 == key } ?? true)
            }
            #expect(Set(keys.values).count == keys.count)
        }
    }

    @Test("the same request of another tenant, under another policy's version or for another target is another one; personal data is none")
    func circumstances() async throws {
        @Sendable func body(_ text: String, _ model: String = "memo") -> String {
            #"{"model":"\#(model)","messages":[{"role":"user","content":"\#(text)"}]}"#
        }
        try await PipelineRig.run { rig in
            let plain = try await Self.key(rig, body("to ana@example.com"))
            #expect(try await Self.key(rig, body("to bob@example.org")) == plain)
            #expect(try await Self.key(rig, body("to ana@example.com, to bob@example.org")) != plain)
            #expect(try await Self.key(rig, body("to ana@example.com"), Self.caller { $0.user = "bob" }) == plain)
            #expect(try await Self.key(rig, body("to ana@example.com"), Self.caller { $0.tenant = "umbrella" }) != plain)
            #expect(try await Self.key(rig, body("to ana@example.com"), Self.caller { $0.version = "2" }) != plain)
            // Under another name, to another target.
            let keys = try await rig.onLoop { gateway in
                let target = try gateway.snapshot.models.resolve("memo", for: Self.caller()).get().targets.first
                guard let target else { return [CacheKey]() }
                let names = [
                    (target.model, target.provider, target.upstreamModel), ("other", target.provider, target.upstreamModel),
                    (target.model, "two", target.upstreamModel), (target.model, target.provider, "model-9"),
                ]
                return names.compactMap { model, provider, upstream in
                    gateway.cacheKey(
                        principal: Self.caller(), rules: Self.caller().scrub,
                        target: UpstreamTarget(model: model, provider: provider, upstreamModel: upstream, settings: target.settings),
                        surface: "0", body: ByteBuffer(string: body("x")))
                }
            }
            #expect(keys.count == 4 && Set(keys).count == 4)
        }
    }
}
