import AgentShield
import Foundation
import Testing

extension EndToEndTests {
    /// Every fault of a provider, in each dialect, plain and streamed: what callers of each surface are told is written down in `docs/fault-matrix.md`.
    @Suite("the matrix of faults", .timeLimit(.minutes(4)))
    struct FaultMatrixTests {
        private enum Surface: String, CaseIterable {
            case chat = "chat completions"
            case messages = "Messages"
            case responses = "Responses"
            case wire = "the wire protocol"

            /// `nil`: no HTTP.
            var path: String? {
                switch self {
                case .chat: "/v1/chat/completions"
                case .messages: "/v1/messages"
                case .responses: "/v1/responses"
                case .wire: nil
                }
            }

            /// The rest of a request of this surface.
            var question: String {
                self == .responses
                    ? #""max_output_tokens":500,"input":"Hello out there"}"#
                    : #""max_tokens":500,"messages":[{"role":"user","content":"Hello out there"}]}"#
            }

            /// The error's code, or what stands for it, in an answer or in the last event of a stream.
            func code(in error: JSON) -> String? {
                switch self {
                case .messages: error.string("error.type")
                case .responses: error.string("error.code") ?? error.string("response.error.code")
                case .chat, .wire: error.string("error.code")
                }
            }
        }

        private enum Provider: String, CaseIterable {
            case chat = "chat completions"
            case messages = "Messages"
            case ollama = "Ollama"
            case gemini = "Gemini"

            /// The provider's name, which its models' names begin with.
            var name: String { "\(self)" }
            /// In the configuration.
            var dialect: String {
                switch self {
                case .chat: "openai"
                case .messages: "anthropic"
                case .ollama, .gemini: name
                }
            }
        }

        private struct Fault {
            /// In the table.
            var title: String
            /// What the scripted provider is asked for.
            var model: String
            /// Whether it shows by a timeout, of 100 ms; all others come at once, however slow the machine is.
            var isSlow = false
        }

        private static let faults = [
            Fault(title: "status 400", model: "fail-400"), Fault(title: "status 401", model: "fail-401"),
            Fault(title: "status 429, retry-after 2 s", model: "fail-429"), Fault(title: "status 500", model: "fail-500"),
            Fault(title: "status 529, retry-after 1 s", model: "fail-529"), Fault(title: "no answer", model: "hang", isSlow: true),
            Fault(title: "cut in the middle", model: "cut"), Fault(title: "no JSON", model: "garbage"),
            Fault(title: "a byte a millisecond", model: "slow-drip", isSlow: true), Fault(title: "empty body", model: "empty"),
            Fault(title: "an HTML page", model: "html"),
        ]

        private static func file(_ text: String, _: URL) throws -> String {
            let provider = try #require(text.firstMatch(of: /scripted: \{dialect: openai, base_url: "(.*?)\/v1"\}/)).1
            let timeouts = "first_byte_timeout: 100ms, idle_timeout: 100ms"
            let models = faults.flatMap { fault in
                Provider.allCases.map {
                    "  - {name: \"\($0.name)-\(fault.model)\", provider: \($0.name), upstream_name: \"\(fault.model)\""
                        + (fault.isSlow ? ", \(timeouts)}\n" : "}\n")
                }
            }
            let providers = Provider.allCases.map {
                "  \($0.name): {dialect: \($0.dialect), base_url: \"\(provider)\($0 == .chat ? "/v1" : "")\"}\n"
            }
            return text.replacing("providers:\n", with: "providers:\n" + providers.joined())
                .replacing("models:\n", with: "models:\n" + models.joined())
        }

        /// What the caller is told, and whether the provider was asked again.
        private static func cell(
            _ stack: Stack, _ wire: WireMatrix, _ surface: Surface, _ provider: Provider, _ fault: Fault, streamed: Bool
        ) async throws -> String {
            guard let path = surface.path else {
                try await stack.provider.forget()
                var request = ChatRequest(model: "\(provider.name)-\(fault.model)", prompt: "Hello out there")
                request.maxOutputTokens = 500
                let told = await wire.fault(request, streamed: streamed)
                return told + (try await stack.provider.bodies().count > 1 ? ", retried" : "")
            }
            let caller = try await HTTPCaller.connect(stack, key: nil)
            defer { caller.close() }
            try await stack.provider.forget()
            let body =
                #"{"model":"\#(provider.name)-\#(fault.model)","stream":\#(streamed),"# + surface.question
            let reply = try await caller.send(
                "POST", path, headers: [("content-type", "application/json"), ("x-api-key", stack.keys.main)], body: Data(body.utf8))
            #expect(reply.isComplete, "\(fault.title)")
            let isBegun = streamed && reply.status == 200
            let last = reply.body.split(separator: "\n").last { $0.hasPrefix("data: ") }.map { String($0.dropFirst(6)) }
            let error = try JSON(isBegun ? last ?? "" : reply.body)
            let code = surface.code(in: error) ?? "no error"
            let calls = try await stack.provider.bodies().count
            return (isBegun ? "200, then " : "\(reply.status) ") + "`\(code)`" + (calls > 1 ? ", retried" : "")
        }

        @Test("every cell is as docs/fault-matrix.md says")
        func matrix() async throws {
            try await Stack.run(configure: Self.file) { stack in
                try await WireMatrix.run(stack) { wire in try await Self.fill(stack, wire) }
            }
        }

        private static func fill(_ stack: Stack, _ wire: WireMatrix) async throws {
            let kinds = Provider.allCases.flatMap { provider in [false, true].map { (provider, $0) } }
            var lines = [
                "# The matrix of faults", "",
                "Generated by `FaultMatrixTests`, which sends each of these requests through a gateway, with the defaults of `resilience`, to a scripted provider that fails in this way, with timeouts of 100 ms. A model without a fallback; one with a fallback goes there wherever it says `retried`, and for 401 and 429 too. [resilience.md](resilience.md) says why.",
            ]
            for surface in Surface.allCases {
                lines += [
                    "", "## Callers of \(surface.rawValue)", "",
                    "| the provider's fault | "
                        + kinds.map { "from \($0.0.rawValue)\($0.1 ? ", streamed" : "")" }.joined(separator: " | ") + " |",
                    "|" + String(repeating: "---|", count: kinds.count + 1),
                ]
                for fault in faults {
                    var cells: [String] = []
                    for (provider, streamed) in kinds {
                        cells.append(try await cell(stack, wire, surface, provider, fault, streamed: streamed))
                    }
                    #expect(!cells.contains { $0.contains("no error") }, "\(fault.title): \(cells)")
                    lines.append("| \(fault.title) | \(cells.joined(separator: " | ")) |")
                }
            }
            #expect(try await stack.provider.statistics("exactly=active:0").active == 0)
            let table = lines.joined(separator: "\n") + "\n"
            let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().appendingPathComponent("docs/fault-matrix.md")
            if ProcessInfo.processInfo.environment["AGENTSHIELD_RECORD"] != nil { try Data(table.utf8).write(to: file) }
            #expect(
                try String(contentsOf: file, encoding: .utf8) == table,
                "docs/fault-matrix.md is out of date; AGENTSHIELD_RECORD=1 swift test --filter FaultMatrixTests writes it anew")
        }
    }
}
