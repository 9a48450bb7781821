extension ConfigurationKey {
    static let telemetry: [ConfigurationKey] = [
        ConfigurationKey(
            "telemetry", .section, .means("the defaults below"),
            "What is told to those who watch the gateway: [observability.md](observability.md). Metrics are on the admin listener at any time."
        ),
        ConfigurationKey("telemetry.service_name", .identifier, .defaultText("agentshield"), "What traces call the service."),
        ConfigurationKey(
            "telemetry.otlp", .section, .means("nothing is traced"), "Where traces go: a collector that takes OTLP over HTTP."),
        ConfigurationKey(
            "telemetry.otlp.endpoint", .url, .required,
            "The collector: `http://localhost:4318`. `/v1/traces` is added where it is not there."),
        ConfigurationKey(
            "telemetry.otlp.allow_plaintext", .flag, .defaultText("false"),
            "Needed for an `http://` URL that leaves the machine: names of models and tenants, and the headers, then cross the network readable."
        ),
        ConfigurationKey(
            "telemetry.otlp.ca_file", .path, .means("the system's trust store"), "PEM certificates to trust instead of the system's."),
        ConfigurationKey(
            "telemetry.otlp.headers_env", .environmentName, .means("no headers"),
            "Names the headers that the collector wants, `name=value,name=value` with percent-encoded values: this variable, or the file that it names with `_FILE` after it."
        ),
        ConfigurationKey(
            "telemetry.otlp.ratio", .score, .defaultText("1"),
            "Which part of the traces that begin at the gateway is recorded. Where a caller sends a `traceparent`, that says whether."),
        ConfigurationKey(
            "telemetry.otlp.timeout", .duration(.milliseconds(100)...(.seconds(60))), .defaultText("5s"),
            "For one export. Over: it is tried again, and then its spans are lost and counted. No request waits for it."),
    ]
}
