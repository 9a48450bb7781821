package import GatewayCrypto

extension Configuration {
    /// What is told of the gateway to those who watch it.
    package struct Telemetry: Sendable {
        package var serviceName: String
        /// `nil`: nothing is traced.
        package var tracing: Tracing?
    }

    /// Where spans go.
    package struct Tracing: Sendable {
        package struct Header: Sendable {
            package var name: String
            package var value: Secret
        }

        /// The collector; `/v1/traces` is added where it is not there.
        package var endpoint: ProviderURL
        package var trustRoots: [UInt8]?
        /// For authentication; values are secrets.
        package var headers: [Header]
        /// Of traces that begin here, from 0 to 1.
        package var ratio: Double
        /// For one export.
        package var timeout: Duration
    }
}
