internal import Yams

/// Makes a `Configuration` of a file's bytes, or says everything that is wrong with them. Reads neither the environment nor the disk
/// itself: both are parameters.
package enum ConfigurationLoader {
    /// Larger files are refused.
    package static let maxFileBytes = 1 << 20

    /// - Parameters:
    ///   - path: the file's path, for faults and as the origin of relative paths.
    ///   - vault: what `NAME`, `NAME_FILE` and `PORT` are looked up in, and what reads files.
    package static func load(
        path: String, bytes: [UInt8], vault: Vault
    ) -> Result<Configuration, ConfigurationFaults> {
        let reading = ConfigurationReading(file: path, vault: vault)
        return load(bytes, reading)
    }

    /// As above, with a reading that can be asked afterwards which keys it was asked for.
    static func load(_ bytes: [UInt8], _ reading: ConfigurationReading) -> Result<Configuration, ConfigurationFaults> {
        let configuration = root(bytes, reading).map { decode($0) }
        if bytes.count <= maxFileBytes { CredentialScan.refuseCredentials(in: bytes, reading) }
        guard let configuration, reading.faults.isEmpty else {
            let sorted = Set(reading.faults).sorted { ($0.line, $0.column, $0.key, $0.problem) < ($1.line, $1.column, $1.key, $1.problem) }
            return .failure(ConfigurationFaults(faults: sorted))
        }
        return .success(configuration)
    }

    /// - Parameter pattern: as ``Section/init(root:reading:pattern:)`` has it.
    static func root(_ bytes: [UInt8], _ reading: ConfigurationReading, pattern: String = "") -> Section? {
        guard bytes.count <= maxFileBytes else {
            reading.refuse(
                "", at: .start,
                ValueProblem("is larger than \(SizeText.text(maxFileBytes))", remedy: "check that this is the configuration file"))
            return nil
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            reading.refuse("", at: .start, ValueProblem("is not UTF-8 text", remedy: "save it as UTF-8"))
            return nil
        }
        do {
            // The encoding is given, since Yams else reads it from the environment.
            guard let node = try Yams.Parser(yaml: text, encoding: .utf8).singleRoot(), let mapping = node.mapping else {
                reading.refuse("", at: .start, ValueProblem("holds no keys", remedy: "begin with examples/gateway.yaml"))
                return nil
            }
            return Section(root: mapping, reading: reading, pattern: pattern)
        } catch {
            let (position, problem) = describe(error)
            reading.refuse("", at: position, problem)
            return nil
        }
    }

    /// Where a YAML error is and what it means.
    private static func describe(_ error: any Error) -> (Position, ValueProblem) {
        let remedy = "mend the YAML here or just before; a value with : # [ ] { } , * & ! or quotes in it may need quotes around it"
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _), .composer(_, let problem, let mark, _):
            return (Position(line: mark.line, column: mark.column), ValueProblem("is not valid YAML: \(problem)", remedy: remedy))
        case .duplicatedKeysInMapping(let keys, let context):
            let names = keys.map { "`\($0)`" }.joined(separator: ", ")
            return (
                Position(line: context.mark.line, column: context.mark.column),
                ValueProblem(
                    "has the same key twice in one section: \(names)",
                    remedy: "keep one of them; this line has the first. What follows is checked then")
            )
        case .reader(let problem, _, _, _):
            return (.start, ValueProblem("is not valid YAML: \(problem)", remedy: "save the file as UTF-8 text without control characters"))
        default:
            return (.start, ValueProblem("is not valid YAML", remedy: remedy))
        }
    }

    private static func decode(_ root: Section) -> Configuration {
        var sources: [Configuration.PublishedKeySource] = []
        let edgeSection = root.optionalSection("edge")
        let edge = edgeSection.flatMap { edgePolicy($0, &sources) }
        let listen = listeners(root.section("listen"), hasEdge: edgeSection != nil)
        let limits = limits(root.section("limits"))
        let scrub = scrubbing(root.section("scrub"))
        let cache = cache(root.section("cache"))
        let providers = providers(root)
        let catalogue = catalogue(root, providers: providers, cache: cache, scrub: scrub)
        let replicas: Configuration.Replicas = root.choice("replicas")
        let control = control(root.section("control"), replicas: replicas)
        if listen.control != nil, control == .none {
            root.section("listen").section("control").refuse(
                "", "has nothing to administer: there is no store", remedy: "name one with `control.file` or DATABASE_URL, or remove it")
        }
        if replicas == .many { refuseOwnCertificate(root.section("listen").section("tls"), listen) }
        let authSection = root.section("auth")
        var auth = authentication(authSection, listen: listen, control: control, limits: limits, scrub: scrub, catalogue: catalogue)
        auth.profiles = profiles(authSection, limits: limits, scrub: scrub, catalogue: catalogue)
        auth.issuers = issuers(authSection, profiles: auth.profiles, &sources)
        let redis = redis(root.section("redis"))
        if replicas == .many { refuseOwnState(root, control, redis) }
        let ledger = ledger(root.section("ledger"), pepper: auth.pepper, control: control, redis: redis, replicas: replicas)
        let sharedLimits = sharedLimits(root, limits)
        refuseUncountedBudgets(root, sharedLimits, ledger, redis: redis, control: control)
        let ceiling = priceCeiling(root.section("prices"))
        refuseTwoReplacements(root, catalogue)
        refuseUnpricedArms(root, catalogue, providers, control: control, ceiling: ceiling)
        let log = root.section("log")
        let replica = root.section("replica")
        return Configuration(
            listen: listen, edge: edge, auth: auth, publishedKeys: sources, limits: limits, sharedLimits: sharedLimits,
            redis: redis, providers: providers, models: catalogue.models, aliases: catalogue.aliases,
            priceCeiling: ceiling,
            resilience: resilience(root.section("resilience")),
            scrub: scrub,
            cache: cache,
            idempotency: Configuration.Idempotency(
                timeToLive: root.section("idempotency").duration("ttl"), maxBytes: root.section("idempotency").integer("max_bytes")),
            log: Configuration.Log(
                level: log.choice("level"), format: log.choice("format"), hasClientAddress: log.flag("client_address")),
            drainDeadline: root.duration("drain_deadline"), eventLoops: root.optionalInteger("event_loops"),
            replica: Configuration.Replica(id: replica.optionalText("id"), region: replica.optionalText("region")), replicas: replicas,
            control: control,
            ledger: ledger, arbitrage: arbitrage(root, replicas: replicas), telemetry: telemetry(root.section("telemetry")))
    }

    private static func limits(_ section: Section) -> Configuration.Limits {
        let wire = section.section("wire")
        let http = section.section("http")
        let limits = Configuration.Limits(
            maxConnections: section.integer("max_connections"),
            maxConnectionsPerAddress: section.optionalInteger("max_connections_per_address"),
            maxRequestBytes: section.integer("max_request_bytes"),
            maxAnswerBytes: section.integer("max_answer_bytes"),
            maxInFlightRequests: section.integer("max_in_flight_requests"),
            maxInFlightBytes: section.optionalInteger("max_in_flight_bytes"),
            defaultDeadline: section.duration("default_deadline"), maxDeadline: section.duration("max_deadline"),
            slowRequestTimeout: section.duration("slow_request_timeout"),
            key: defaultKeyLimits(section), assumedOutputTokens: section.integer("assumed_output_tokens"),
            withoutRedis: section.choice("without_redis"),
            wire: Configuration.Wire(
                maxFrameBytes: wire.integer("max_frame_bytes"), maxConcurrentStreams: wire.integer("max_concurrent_streams"),
                initialStreamCredit: wire.integer("initial_stream_credit"),
                initialConnectionCredit: wire.integer("initial_connection_credit"),
                idleTimeout: wire.duration("idle_timeout"), resumeTimeout: wire.duration("resume_timeout"),
                resumeStreamBytes: wire.integer("resume_stream_bytes"), resumeBytes: wire.integer("resume_bytes")),
            http: Configuration.HTTP(
                idleTimeout: http.duration("idle_timeout"), streamStartDelay: http.duration("stream_start_delay"),
                keepAliveInterval: http.duration("keep_alive_interval")))
        if let maxInFlightBytes = limits.maxInFlightBytes, limits.maxRequestBytes > maxInFlightBytes {
            section.refuse(
                "max_request_bytes", "is larger than `max_in_flight_bytes`: the largest request could never be let in",
                remedy: "lower it, or raise `max_in_flight_bytes`")
        }
        if limits.defaultDeadline > limits.maxDeadline {
            section.refuse("default_deadline", "is longer than `max_deadline`", remedy: "shorten it, or lengthen `max_deadline`")
        }
        if limits.wire.initialStreamCredit > limits.wire.initialConnectionCredit {
            wire.refuse(
                "initial_stream_credit", "is larger than `initial_connection_credit`",
                remedy: "lower it, or raise `initial_connection_credit`")
        }
        if limits.wire.resumeStreamBytes > limits.wire.resumeBytes {
            wire.refuse("resume_stream_bytes", "is larger than `resume_bytes`", remedy: "lower it, or raise `resume_bytes`")
        }
        return limits
    }

    private static func cache(_ section: Section) -> Configuration.Cache {
        let cache = Configuration.Cache(
            maxBytes: section.integer("max_bytes"), maxEntryBytes: section.integer("max_entry_bytes"),
            defaultTTL: section.duration("default_ttl"),
            scope: section.choice("scope"), maxWaiters: section.integer("max_waiters"))
        if cache.maxBytes > 0, cache.maxEntryBytes > cache.maxBytes {
            section.refuse("max_entry_bytes", "is larger than `max_bytes`", remedy: "lower it, or raise `max_bytes`")
        }
        return cache
    }
}
