import GatewayCrypto
import Testing

@testable import GatewayConfiguration

@Suite("Where traces go")
struct TelemetryTests {
    private static func load(_ otlp: String, headers: String? = nil) -> Result<Configuration, ConfigurationFaults> {
        let environment = Fixture.environment.merging(headers.map { ["OTLP_HEADERS": $0] } ?? [:]) { $1 }
        return Fixture.load(Fixture.minimal + "\ntelemetry: {otlp: \(otlp)}", environment: environment)
    }

    private static func problems(_ otlp: String, headers: String? = nil) -> [String] {
        guard case .failure(let faults) = load(otlp, headers: headers) else { return [] }
        return faults.faults.map { "\($0.key) \($0.problem)" }
    }

    @Test("nothing is traced unless a collector is named")
    func absent() throws {
        let telemetry = try Fixture.load(Fixture.minimal).get().telemetry
        #expect(telemetry.tracing == nil && telemetry.serviceName == "agentshield")
    }

    @Test("headers have the form of OTEL_EXPORTER_OTLP_HEADERS, and are secrets")
    func headers() throws {
        let tracing = try #require(
            try Self.load("{endpoint: \"http://localhost:4318\", headers_env: OTLP_HEADERS, ratio: 0.25}").get().telemetry.tracing)
        #expect(tracing.ratio == 0.25 && tracing.timeout == .seconds(5) && tracing.endpoint.port == 4318)
        #expect(tracing.headers.map(\.name) == ["x-token", "x-scope"])
        #expect(tracing.headers.map(\.value) == [Secret("a,b"), Secret("team")])
        #expect(!"\(tracing)".contains("a,b") && !"\(tracing)".contains("team"))
    }

    @Test("what is no header is refused without being repeated", arguments: ["token", "=x", "a=%zz", "a=%0d%0ab", ",", "a:b=c"])
    func badHeaders(text: String) {
        let problems = Self.problems("{endpoint: \"http://localhost:4318\", headers_env: OTLP_HEADERS}", headers: text)
        #expect(problems.count == 1 && problems[0].hasPrefix("telemetry.otlp.headers_env names a variable that has no headers"))
    }

    @Test("a collector beyond this machine needs TLS, or the operator's word")
    func plaintext() {
        #expect(
            Self.problems("{endpoint: \"http://collector:4318\"}") == ["telemetry.otlp.endpoint is not encrypted and leaves this machine"])
        #expect(Self.problems("{endpoint: \"http://collector:4318\", allow_plaintext: true}") == [])
        #expect(Self.problems("{endpoint: \"https://collector:4318/otlp\"}") == [])
        #expect(Self.problems("{ratio: 0.5}").count == 1)
        #expect(Self.problems("{endpoint: \"https://collector\", ratio: 2}").count == 1)
    }
}
