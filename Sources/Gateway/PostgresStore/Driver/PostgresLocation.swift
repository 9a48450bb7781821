internal import CPQ
package import GatewayCrypto

/// Where a database is and how to enter: a URL (`postgresql://…`) or `key=value` pairs, as libpq reads them.
///
/// Unless it says otherwise, a connection that leaves the machine is encrypted (`sslmode=require`): libpq alone would fall back to none.
/// `sslmode=verify-full` with `sslrootcert` also makes sure of the server's name.
///
/// Nothing else says where and how: the files of the user's home that libpq would read are set to none here, and its ``environmentVariables`` are for the
/// program to remove.
package struct PostgresLocation: Sendable, CustomStringConvertible {
    /// Host, port and database; never the password.
    package let description: String
    private let text: Secret
    private let defaults: [(keyword: String, value: String)]
    private let endpoints: [Endpoint]
    /// The hosts that stand there by name, to be looked up before connecting. Empty where libpq needs nobody's help.
    let names: Set<String>

    /// There can be none of this name. An empty one would be taken for the one in the user's home.
    private static let noFile = "/dev/null/none"

    /// The variables from which libpq takes what a location does not say, and those that it hands on to the server: a program that wants none of that
    /// removes them before it connects.
    package static let environmentVariables: [String] = {
        var names = ["PGSERVICEFILE", "PGSYSCONFDIR", "PGLOCALEDIR", "PGREQUIRESSL", "PGDATESTYLE", "PGTZ", "PGGEQO"]
        guard let options = PQconninfoParse("", nil) else { return names }
        defer { PQconninfoFree(options) }
        var option = options
        while option.pointee.keyword != nil {
            if let name = option.pointee.envvar { names.append(String(cString: name)) }
            option += 1
        }
        return names
    }()

    private struct Endpoint {
        let host: String
        let port: String
    }

    /// - Throws: `.malformed`, and never says what stands in the text.
    package init(_ text: Secret) throws(PostgresError) {
        self.text = text
        guard let options = Self.options(in: text), !options.isEmpty else {
            throw .malformed("the location of the database is no PostgreSQL URL and no list of key=value pairs")
        }
        guard options["service"] == nil else {
            throw .malformed("the location of the database names a service, which is defined elsewhere: give host, user and database here")
        }
        let hosts = options["host"].map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) } ?? []
        let ports = (options["port"] ?? "5432").split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        endpoints = hosts.enumerated().map { Endpoint(host: $1, port: ports.indices.contains($0) ? ports[$0] : ports.first ?? "5432") }
        let isGivenByAddress = options["hostaddr"] != nil || hosts.contains("")
        names = isGivenByAddress ? [] : Set(hosts.filter { !$0.hasPrefix("/") && !$0.hasPrefix("@") && !SystemNames.isAddress($0) })
        let host = options["host"] ?? options["hostaddr"] ?? "(local socket)"
        description = "\(host):\(options["port"] ?? "5432")/\(options["dbname"] ?? options["user"] ?? "")"
        var defaults = [
            ("application_name", "agentshield"), ("gssencmode", "disable"), ("keepalives_idle", "30"), ("keepalives_interval", "10"),
            ("keepalives_count", "3"), ("passfile", Self.noFile), ("sslcert", Self.noFile), ("sslrootcert", Self.noFile),
            ("sslcrl", Self.noFile),
        ]
        let staysHere = host.split(separator: ",").allSatisfy { host in
            host.hasPrefix("/") || host.hasPrefix("@") || ["localhost", "127.0.0.1", "::1", "(local socket)"].contains(host)
        }
        if !staysHere { defaults.append(("sslmode", "require")) }
        self.defaults = defaults
    }

    /// What the text sets, the password left out; `nil` if it is malformed.
    private static func options(in text: Secret) -> [String: String]? {
        withCString(text) { text in
            var message: UnsafeMutablePointer<CChar>?
            guard let options = PQconninfoParse(text, &message) else {
                PQfreemem(message)
                return nil
            }
            defer { PQconninfoFree(options) }
            var found: [String: String] = [:]
            var option = options
            while let keyword = option.pointee.keyword {
                let name = String(cString: keyword)
                if let value = option.pointee.val, !["password", "sslpassword", "passfile"].contains(name) {
                    found[name] = String(cString: value)
                }
                option += 1
            }
            return found
        }
    }

    /// Begins to connect, without waiting for anything. `nil` when no host has an address, or memory is out.
    ///
    /// - Parameter addresses: what was found for `names`.
    func startConnecting(_ addresses: [String: [String]]) -> OpaquePointer? {
        guard let found = endpointSettings(addresses) else { return nil }
        // What stands later wins: the text over the defaults; the encoding, on which our parsing rests, and the addresses over the text.
        let settings = defaults + [("dbname", ""), ("client_encoding", "UTF8")] + found
        return Self.withCString(text) { location in
            withCStrings(settings.map(\.keyword)) { keywords in
                withCStrings(settings.map(\.value)) { values in
                    var values = values
                    values[defaults.count] = location
                    return PQconnectStartParams(keywords + [nil], values + [nil], 1)
                }
            }
        }
    }

    /// The hosts again, one for each address: libpq connects to the address and compares the certificate with the host.
    private func endpointSettings(_ addresses: [String: [String]]) -> [(keyword: String, value: String)]? {
        if names.isEmpty { return [] }
        let found = endpoints.flatMap { endpoint -> [(host: String, address: String, port: String)] in
            if endpoint.host.hasPrefix("/") || endpoint.host.hasPrefix("@") { return [(endpoint.host, "", endpoint.port)] }
            let known = names.contains(endpoint.host) ? addresses[endpoint.host] ?? [] : [endpoint.host]
            return known.map { (endpoint.host, $0, endpoint.port) }
        }
        guard !found.isEmpty else { return nil }
        return [
            ("host", found.map(\.host).joined(separator: ",")), ("hostaddr", found.map(\.address).joined(separator: ",")),
            ("port", found.map(\.port).joined(separator: ",")),
        ]
    }

    private static func withCString<Result>(_ secret: Secret, _ body: (UnsafePointer<CChar>) -> Result?) -> Result? {
        secret.withUnsafeBytes { bytes in
            guard !bytes.contains(0) else { return nil }
            return withUnsafeTemporaryAllocation(of: CChar.self, capacity: bytes.count + 1) { copy in
                UnsafeMutableRawBufferPointer(copy).copyMemory(from: bytes)
                copy[bytes.count] = 0
                defer { copy.update(repeating: 0) }
                guard let base = copy.baseAddress else { return nil }
                return body(UnsafePointer(base))
            }
        }
    }
}

/// Lends C strings for the time of `body`.
func withCStrings<Result>(_ texts: [String], _ body: ([UnsafePointer<CChar>?]) -> Result) -> Result {
    withCStrings(texts.map { Optional($0) }, body)
}

/// The same with `nil` for what is NULL.
func withCStrings<Result>(_ texts: [String?], _ body: ([UnsafePointer<CChar>?]) -> Result) -> Result {
    var bytes: [CChar] = []
    let offsets = texts.map { text -> Int? in
        guard let text else { return nil }
        defer { bytes += text.utf8.map { CChar(bitPattern: $0) } + [0] }
        return bytes.count
    }
    return bytes.withUnsafeBufferPointer { bytes in
        body(offsets.map { offset in offset.flatMap { bytes.baseAddress?.advanced(by: $0) } })
    }
}
