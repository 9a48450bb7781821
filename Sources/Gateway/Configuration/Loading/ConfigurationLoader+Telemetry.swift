internal import GatewayCrypto

extension ConfigurationLoader {
    static func telemetry(_ section: Section) -> Configuration.Telemetry {
        Configuration.Telemetry(
            serviceName: section.text("service_name"), tracing: section.optionalSection("otlp").flatMap { tracing($0) })
    }

    private static func tracing(_ section: Section) -> Configuration.Tracing? {
        let endpoint = section.optionalURL("endpoint")
        let allowsPlaintext = section.flag("allow_plaintext")
        let trustRoots = certificateFile(section, "ca_file")
        let headers = traceHeaders(section)
        let ratio = Double(section.score("ratio"))
        let timeout = section.duration("timeout")
        guard let endpoint else { return nil }
        if !endpoint.usesTLS, !endpoint.isLoopback, !allowsPlaintext {
            section.refuse(
                "endpoint", "is not encrypted and leaves this machine",
                remedy: "use https://, or set `allow_plaintext: true` if nobody else can read that network")
        }
        return Configuration.Tracing(
            endpoint: endpoint, trustRoots: trustRoots, headers: headers, ratio: ratio, timeout: timeout)
    }

    /// `name=value` pairs with commas between them, values percent-encoded where they must be: the form of OTEL_EXPORTER_OTLP_HEADERS.
    private static func traceHeaders(_ section: Section) -> [Configuration.Tracing.Header] {
        guard let name = section.optionalText("headers_env") else { return [] }
        let text: String
        do {
            let secret = try section.reading.secret(named: name, minimumCount: 1)
            text = secret.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        } catch {
            section.refuse("headers_env", at: section.position(of: "headers_env"), error)
            return []
        }
        let pairs = text.split(separator: ",").map { $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false) }
        let headers = pairs.compactMap { pair -> Configuration.Tracing.Header? in
            guard pair.count == 2, let value = percentDecoded(trimmed(pair[1])) else { return nil }
            let name = trimmed(pair[0])
            let isName = !name.isEmpty && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") }
            let isValue = value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
            return isName && isValue ? Configuration.Tracing.Header(name: String(name), value: Secret(value)) : nil
        }
        if headers.count != pairs.count || headers.isEmpty {
            section.refuse(
                "headers_env", "names a variable that has no headers in the form `name=value,name=value`",
                remedy: "write it so, with commas and percent signs of values as %2C and %25")
        }
        return headers
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return text.drop { $0.isWhitespace }
    }

    private static func percentDecoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
