internal import GatewayCrypto

extension ConfigurationLoader {
    /// - Parameter hasEdge: whether the file says what proves the way through the edge.
    static func listeners(_ section: Section, hasEdge: Bool) -> Configuration.Listeners {
        let tlsSection = section.section("tls")
        let httpSection = section.optionalSection("http")
        let adminSection = section.section("admin")
        let isTLSOn = tlsSection.flag("enabled")
        let tls = tlsListener(tlsSection)
        let http = httpSection.flatMap { httpListener($0) }
        let admin = adminSection.optionalAddress("address")
        let controlSection = section.optionalSection("control")
        if !isTLSOn, httpSection == nil {
            section.refuse(
                "tls", "is off, and there is no plain HTTP either", remedy: "add `http: {}` below `listen`, or remove `enabled: false`")
        }
        let listeners = Configuration.Listeners(
            tls: isTLSOn ? tls : nil, http: http, admin: adminSection.flag("enabled") ? admin : nil,
            control: controlSection.flatMap { controlListener($0) })
        refuseWaysRoundTheEdge(tlsSection, httpSection, listeners, hasEdge: hasEdge)
        refuseCollisions([
            ("tls", tlsSection, listeners.tls?.address), ("http", httpSection ?? section, listeners.http?.address),
            ("admin", adminSection, listeners.admin), ("control", controlSection ?? section, listeners.control?.address),
        ])
        return listeners
    }

    private static func tlsListener(_ section: Section) -> Configuration.TLSListener? {
        let chain = certificateFile(section, "certificate")
        let key = privateKeyFile(section)
        let clientAuthorities = certificateFile(section, "client_ca")
        let needsEdgeProof = section.flag("edge_proof")
        let balancers = balancers(section)
        let files = ["certificate", "private_key", "client_ca"].compactMap { section.optionalText($0).map(section.reading.resolved) }
        func listener(_ address: ListenAddress, _ identity: Configuration.TLSIdentity?) -> Configuration.TLSListener {
            Configuration.TLSListener(
                address: address, identity: identity, clientAuthorities: clientAuthorities, needsEdgeProof: needsEdgeProof,
                balancers: balancers, certificateFiles: files)
        }
        guard let address = section.optionalAddress("address") else { return nil }
        guard section.has("certificate") || section.has("private_key") else {
            if section.flag("enabled"), !address.isLoopback {
                section.refuse(
                    "address",
                    "can be reached from other machines, and no certificate is given: the one that the gateway makes is for localhost only",
                    remedy: "give `certificate` and `private_key`, or listen on 127.0.0.1")
            }
            return listener(address, nil)
        }
        for (present, missing) in [("certificate", "private_key"), ("private_key", "certificate")]
        where section.has(present) && !section.has(missing) {
            section.refuse(present, "stands without `\(missing)`", remedy: "give both, or neither")
        }
        guard let chain, let key else { return listener(address, nil) }
        switch CertificateCheck.check(certificateChain: chain, privateKey: key) {
        case .matching: break
        case .certificateUnreadable:
            section.refuse("certificate", "holds a certificate that cannot be read", remedy: "give a certificate chain in PEM")
        case .privateKeyUnreadable:
            section.refuse("private_key", "holds a key that cannot be read", remedy: "give the key in PEM, not encrypted")
        case .different:
            section.refuse(
                "private_key", "does not belong to the certificate",
                remedy: "give the key that the certificate was made with; the server's own certificate comes first in its file")
        }
        return listener(address, Configuration.TLSIdentity(certificateChain: chain, privateKey: key))
    }

    /// The file that `key` names, if it holds a PEM certificate.
    static func certificateFile(_ section: Section, _ key: String) -> [UInt8]? {
        guard let path = section.optionalText(key), let bytes = file(section, key, path) else { return nil }
        guard String(decoding: bytes, as: UTF8.self).contains("-----BEGIN CERTIFICATE-----") else {
            section.refuse(key, "names a file without a PEM certificate", remedy: "give a file with -----BEGIN CERTIFICATE----- in it")
            return nil
        }
        return bytes
    }

    private static func privateKeyFile(_ section: Section) -> Secret? {
        guard let path = section.optionalText("private_key") else { return nil }
        guard let key = section.reading.secretFile(at: path) else { return unreadable(section, "private_key") }
        func has(_ words: String) -> Bool { key.withUnsafeBytes { $0.contains(Array(words.utf8)) } }
        guard has("PRIVATE KEY-----") else {
            section.refuse(
                "private_key", "names a file without a PEM private key", remedy: "give a file with -----BEGIN PRIVATE KEY----- in it")
            return nil
        }
        guard !has("ENCRYPTED") else {
            section.refuse(
                "private_key", "names an encrypted key", remedy: "decrypt it with `openssl pkey`, and let only this user read the file")
            return nil
        }
        return key
    }

    static func file(_ section: Section, _ key: String, _ path: String) -> [UInt8]? {
        section.reading.contents(of: path) ?? unreadable(section, key)
    }

    private static func unreadable<Content>(_ section: Section, _ key: String) -> Content? {
        section.refuse(
            key, "names a file that cannot be read",
            remedy: "check that the path exists, relative to this file's folder or absolute, and that this user may read it")
        return nil
    }

    private static func httpListener(_ section: Section) -> Configuration.HTTPListener? {
        let needsEdgeProof = section.flag("edge_proof")
        let balancers = balancers(section)
        return plainAddress(section).map {
            Configuration.HTTPListener(address: $0, needsEdgeProof: needsEdgeProof, balancers: balancers)
        }
    }

    private static func balancers(_ section: Section) -> Configuration.Balancers {
        guard let proxies = section.optionalSection("proxy_protocol") else { return Configuration.Balancers(networks: []) }
        return Configuration.Balancers(networks: proxies.texts("from").compactMap { try? NetworkText.parse($0.value) })
    }

    private static func plainAddress(_ section: Section) -> ListenAddress? {
        var address = section.optionalAddress("address")
        if let text = section.reading.vault.setting(named: "PORT"), !text.isEmpty {
            guard let port = ListenAddress.port(text) else {
                section.refuse(
                    "address", "is overridden by the environment's PORT, which is no port",
                    remedy: "set PORT to a number from 0 to 65535, or unset it")
                return address
            }
            address?.port = port
        }
        return address
    }

    /// If one listener lets in only what came through the edge, no other may let in what did not.
    private static func refuseWaysRoundTheEdge(
        _ tls: Section, _ http: Section?, _ listeners: Configuration.Listeners, hasEdge: Bool
    ) {
        let tlsProves = listeners.tls?.needsEdgeProof ?? false
        let httpProves = listeners.http?.needsEdgeProof ?? false
        for (section, needsProof) in [(tls, tlsProves), (http ?? tls, httpProves)] where needsProof && !hasEdge {
            section.refuse(
                "edge_proof", "asks for a proof, and nothing says what proves it",
                remedy: "add a section `edge` with `access`, `origin_secret` or both")
        }
        if tlsProves, let http, listeners.http != nil, !httpProves {
            http.refuse(
                "address", "is a way round the edge: `listen.tls` asks for its proof, and plain HTTP does not",
                remedy: "add `edge_proof: true` to `listen.http`, or remove the section")
        }
        if httpProves, let listener = listeners.tls, !tlsProves, listener.clientAuthorities == nil {
            tls.refuse(
                "address", "is a way round the edge: `listen.http` asks for its proof, and TLS for nothing",
                remedy: "add `edge_proof: true` or `client_ca` to `listen.tls`, or `enabled: false`")
        }
    }

    private static func refuseCollisions(_ listeners: [(name: String, section: Section, address: ListenAddress?)]) {
        var taken: [ListenAddress: String] = [:]
        for (name, section, address) in listeners {
            guard let address, address.port != 0 else { continue }
            if let other = taken[address] {
                section.refuse("address", "is the address of `listen.\(other)` too", remedy: "choose another port")
            }
            taken[address] = name
        }
    }
}
