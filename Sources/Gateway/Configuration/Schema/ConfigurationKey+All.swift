internal import Scrubbing

extension ConfigurationKey {
    /// Every key there is, in the order of the documentation.
    package static let all: [ConfigurationKey] =
        listen + edge + auth + tokens + control + ledger + limits + tenants + providers + endpoints + models + arbitrage + resilience
        + prices + scrub + redis + telemetry + rest

    private static let balancers = """
        Where balancers connect from. Their connections must begin with the header of PROXY protocol version 2, all others are served without one.
        """

    private static let listen: [ConfigurationKey] = [
        ConfigurationKey(
            "listen", .section, .means("the defaults below"), "Where the gateway listens. One of `tls` and `http` must be on."),
        ConfigurationKey(
            "listen.tls", .section, .means("the defaults below"),
            "The port for everything: the wire protocol, HTTP/2 and HTTP/1.1, chosen by ALPN; the wire protocol in WebSockets too."),
        ConfigurationKey("listen.tls.enabled", .flag, .defaultText("true"), "Whether this listener is there."),
        ConfigurationKey(
            "listen.tls.address", .address, .defaultText("127.0.0.1:8443"),
            "Where it binds. Port 0 lets the system choose, which is printed."),
        ConfigurationKey(
            "listen.tls.certificate", .path,
            .means("a certificate for localhost that the gateway makes for itself, on loopback addresses only"),
            "The server's certificate chain in PEM, its own certificate first. Goes with `private_key`."),
        ConfigurationKey(
            "listen.tls.private_key", .path, .means("as for `certificate`"), "The certificate's private key in PEM, not encrypted."),
        ConfigurationKey(
            "listen.tls.client_ca", .path, .means("no client certificates"),
            """
            PEM certificates of the CA of client certificates (mutual TLS). Every connection must then present one; with `edge_proof` only those of \
            the wire protocol.
            """),
        ConfigurationKey(
            "listen.tls.edge_proof", .flag, .defaultText("false"),
            """
            Whether HTTP requests, and those that begin a WebSocket, must prove that they came through the edge, as `edge` says. The wire protocol \
            by itself is then offered to clients with a certificate alone, and without `client_ca` not at all.
            """),
        ConfigurationKey(
            "listen.tls.proxy_protocol", .section, .means("nobody sends it"),
            "TCP balancers that say who their clients are: [deployment.md](deployment.md)."),
        ConfigurationKey("listen.tls.proxy_protocol.from", .list(.network), .required, balancers),
        ConfigurationKey(
            "listen.http", .section, .means("no plain HTTP"), "Plain HTTP/1.1, WebSockets too, for use behind a proxy that ends TLS."),
        ConfigurationKey(
            "listen.http.address", .address, .defaultText("127.0.0.1:8080"),
            "Where it binds. The environment variable `PORT`, if set, replaces the port, never the address."),
        ConfigurationKey(
            "listen.http.edge_proof", .flag, .defaultText("false"),
            """
            As for `tls`. If one listener asks for the proof, the other must too, or ask for client certificates: else it would be a way round.
            """),
        ConfigurationKey("listen.http.proxy_protocol", .section, .means("nobody sends it"), "As for `tls`."),
        ConfigurationKey("listen.http.proxy_protocol.from", .list(.network), .required, balancers),
        ConfigurationKey(
            "listen.admin", .section, .means("the defaults below"), "`/healthz`, `/readyz` and `/metrics`, without authentication."),
        ConfigurationKey("listen.admin.enabled", .flag, .defaultText("true"), "Whether this listener is there."),
        ConfigurationKey("listen.admin.address", .address, .defaultText("127.0.0.1:9090"), "Where it binds."),
        ConfigurationKey(
            "listen.control", .section, .means("no such listener"),
            "Plain HTTP for administering tenants and keys: [control-plane.md](control-plane.md)."),
        ConfigurationKey("listen.control.address", .address, .defaultText("127.0.0.1:9091"), "Where it binds."),
        ConfigurationKey(
            "listen.control.credential_env", .environmentName, .required,
            "Names the secret that whoever administers presents as bearer token. At least 32 bytes."),
        ConfigurationKey(
            "listen.control.hosts", .list(.label), .means("`localhost` and loopback addresses"),
            "Names, with the port if there is one, that a request's `Host` may have besides."),
        ConfigurationKey(
            "listen.control.allow_plaintext", .flag, .defaultText("false"),
            "Whether it may listen beyond this machine, where credential and new keys go unencrypted."),
    ]

    private static let auth: [ConfigurationKey] = [
        ConfigurationKey("auth", .section, .required, "Who may call."),
        ConfigurationKey(
            "auth.pepper_env", .environmentName, .defaultText("AGENTSHIELD_PEPPER"),
            "Names the secret that keys the hashes below: this variable, or the file that it names with `_FILE` after it. At least 16 bytes."
        ),
        ConfigurationKey(
            "auth.pepper_id", .identifier, .defaultText("1"), "What the store of keys calls the pepper, so that it can be replaced."),
        ConfigurationKey(
            "auth.previous_pepper_env", .environmentName, .means("there was none before"),
            "Names the pepper before this one: keys that were hashed with it go on being good. Goes with `previous_pepper_id`."),
        ConfigurationKey(
            "auth.previous_pepper_id", .identifier, .means("as for `previous_pepper_env`"), "What the store of keys calls it."),
        ConfigurationKey(
            "auth.stale_max", .duration(.seconds(1)...(.seconds(3600))), .defaultText("60s"),
            "How long what the store of keys said counts when it is out of reach. Then: `authority_unavailable` (503)."),
        ConfigurationKey(
            "auth.without_store", .choice(Configuration.WithoutStore.allCases.map(\.rawValue)), .defaultText("serve"),
            """
            What the file's keys and tokens get as long as the store has not answered once since the start, so that nobody knows of panics, paused \
            tenants and regions. `refuse`: `authority_unavailable` (503).
            """),
        ConfigurationKey(
            "auth.keys", .sections, .means("none; then there must be a store"),
            "API keys that need no store; make one with `agentshield keys create`."),
        ConfigurationKey("auth.keys[].id", .identifier, .required, "What logs and ledger call the key. Unique."),
        ConfigurationKey("auth.keys[].hash", .keyHash, .required, "Keyed hash of the key. Unique. The key itself stands nowhere."),
        ConfigurationKey("auth.keys[].tenant", .identifier, .required, "Whose key it is. Nothing is ever shared between tenants."),
        ConfigurationKey("auth.keys[].department", .label, .means("none"), "The part of the tenant that pays."),
        ConfigurationKey("auth.keys[].user", .label, .means("none"), "The person or service that calls."),
        ConfigurationKey(
            "auth.keys[].models", .list(.pattern), .defaultText("*"), "The models and aliases that the key may name. `*` alone: all."),
        ConfigurationKey("auth.keys[].limits", .section, .means("`limits` of the file"), "The key's own limits."),
        ConfigurationKey(
            "auth.keys[].limits.requests_per_minute", .integer(1...6_000_000), .means("`limits.requests_per_minute`"),
            "Requests per minute in the long run."),
        ConfigurationKey(
            "auth.keys[].limits.burst", .integer(1...6_000_000), .means("`limits.burst`, and at most `requests_per_minute`"),
            "Requests that may come at once after a rest."),
        ConfigurationKey(
            "auth.keys[].limits.tokens_per_minute", .integer(1...100_000_000), .means("`limits.tokens_per_minute`"),
            "Model tokens per minute in the long run, input and output together."),
        ConfigurationKey(
            "auth.keys[].limits.token_burst", .integer(1...100_000_000),
            .means("`tokens_per_minute`; `limits.token_burst` where that is the file's too"),
            "Tokens that may be used at once after a rest."),
        ConfigurationKey(
            "auth.keys[].limits.concurrent_requests", .integer(1...1_000_000), .means("`limits.concurrent_requests`"),
            "Requests that may be under way at once."),
        ConfigurationKey(
            "auth.keys[].expires", .timestamp, .means("never"), "When the key ends, as RFC 3339 writes it: `2027-01-31T00:00:00Z`."),
        ConfigurationKey("auth.keys[].scrub", .identifier, .defaultText("default"), "Name of the scrubbing policy in `scrub.policies`."),
        ConfigurationKey(
            "auth.keys[].development", .flag, .defaultText("false"),
            "Marks a key that is printed or shared among developers: refused unless `tls` and `http` listen on loopback addresses only."),
    ]

    private static let control: [ConfigurationKey] = [
        ConfigurationKey(
            "control", .section, .means("no store, unless `DATABASE_URL` names one"),
            "Where tenants and keys are kept that commands make: [control-plane.md](control-plane.md)."),
        ConfigurationKey(
            "control.file", .path, .means("no file"),
            "A SQLite file of this machine, made if it is not there. Not beside `DATABASE_URL`, and not with `replicas: many`."),
    ]

    private static let limits: [ConfigurationKey] = [
        ConfigurationKey("limits", .section, .means("the defaults below"), "What the gateway takes on before it refuses."),
        ConfigurationKey(
            "limits.max_connections", .integer(1...1_000_000), .defaultText("4096"),
            "Connections of callers open at once, over TLS and plain HTTP together. More: 503 on the plain HTTP port, closed on the other."),
        ConfigurationKey(
            "limits.max_connections_per_address", .integer(1...1_000_000), .means("no limit"),
            """
            Connections open at once from one IPv4 address or one /64 of IPv6: the socket's, or what a balancer tells (`proxy_protocol`). Not \
            counted on listeners with `edge_proof`, whose connections are the edge's. More: 429 on the plain HTTP port, closed on the other.
            """),
        ConfigurationKey(
            "limits.max_request_bytes", .size(1 << 10...64 << 20), .defaultText("4MiB"),
            "Largest request, decompressed. Larger: `request_too_large` (413)."),
        ConfigurationKey(
            "limits.max_answer_bytes", .size(1 << 16...256 << 20), .defaultText("16MiB"),
            "Largest answer of a provider. Larger: `upstream_bad_answer`, or `stream_broken`."),
        ConfigurationKey(
            "limits.max_in_flight_requests", .integer(1...1_000_000), .defaultText("4096"),
            "Requests under way at once; each event loop has its share. More: `overloaded` (503)."),
        ConfigurationKey(
            "limits.max_in_flight_bytes", .size(1 << 20...64 << 30),
            .means("a quarter of the memory that the process may have, 256MiB at most"),
            """
            Bytes of requests held at once; each event loop has its share. At least `max_request_bytes`. More: `overloaded` (503). The memory is the least limit of the \
            control groups that the process is in, or the machine's.
            """),
        ConfigurationKey(
            "limits.default_deadline", .duration(.milliseconds(100)...(.seconds(86_400))), .defaultText("120s"),
            "Deadline of a request that names none. At most `max_deadline`."),
        ConfigurationKey(
            "limits.max_deadline", .duration(.milliseconds(100)...(.seconds(86_400))), .defaultText("10m"),
            "Longest deadline a request gets; longer ones are shortened to it."),
        ConfigurationKey(
            "limits.slow_request_timeout", .duration(.seconds(1)...(.seconds(3600))), .defaultText("20s"),
            "For a request's head, and then its body, to arrive, and between two pieces of the body. Over: `timeout` (408)."),
        ConfigurationKey(
            "limits.requests_per_minute", .integer(1...6_000_000), .defaultText("600"), "Of each key without a limit of its own."),
        ConfigurationKey(
            "limits.burst", .integer(1...6_000_000), .defaultText("60"),
            "Requests that may come at once after a rest, of each key without a limit of its own."),
        ConfigurationKey(
            "limits.tokens_per_minute", .integer(1...100_000_000), .means("no limit"),
            "Model tokens, input and output together, of each key without a limit of its own."),
        ConfigurationKey(
            "limits.token_burst", .integer(1...100_000_000), .means("`limits.tokens_per_minute`"),
            "Tokens that may be used at once after a rest, of each key without a limit of its own."),
        ConfigurationKey(
            "limits.concurrent_requests", .integer(1...1_000_000), .means("no limit"),
            "Requests that may be under way at once, of each key without a limit of its own."),
        ConfigurationKey(
            "limits.assumed_output_tokens", .integer(1...10_000_000), .defaultText("1024"),
            "Output tokens that a request without `max_tokens` is counted with until it is over."),
        ConfigurationKey(
            "limits.without_redis", .choice(Configuration.WithoutRedis.allCases.map(\.rawValue)), .defaultText("local"),
            """
            While Redis is configured and does not answer: `local` counts on in each replica alone, by the same limits; `refuse` answers `overloaded` \
            (503).
            """),
        ConfigurationKey("limits.wire", .section, .means("the defaults below"), "Limits of the wire protocol, told to clients in WELCOME."),
        ConfigurationKey(
            "limits.wire.max_frame_bytes", .size(64 << 10...(16 << 20) - 1), .defaultText("64KiB"), "Largest frame payload, decompressed."),
        ConfigurationKey(
            "limits.wire.max_concurrent_streams", .integer(1...65_536), .defaultText("256"),
            "Streams open at once on a connection. More: `too_many_streams`."),
        ConfigurationKey(
            "limits.wire.initial_stream_credit", .size(256 << 10...64 << 20), .defaultText("256KiB"),
            "Bytes a client may send on a stream before it gets credit."),
        ConfigurationKey(
            "limits.wire.initial_connection_credit", .size(1 << 20...1 << 30), .defaultText("1MiB"),
            "The same for the whole connection; at least `initial_stream_credit`."),
        ConfigurationKey(
            "limits.wire.idle_timeout", .duration(.seconds(1)...(.seconds(86_400))), .defaultText("60s"),
            "Time without a stream after which a connection is closed, with GOAWAY `IDLE`."),
        ConfigurationKey(
            "limits.wire.resume_timeout", .duration(.milliseconds(0)...(.seconds(300))), .defaultText("15s"),
            """
            How long a streamed answer to a request with `resumable` goes on without its connection, and what came of it can be read by who resumes it. \
            0ms: not at all, and `resume` is `unsupported`.
            """),
        ConfigurationKey(
            "limits.wire.resume_stream_bytes", .size((64 << 10)...(64 << 20)), .defaultText("512KiB"),
            "What is kept of one such answer. Where nobody reads, the provider then waits."),
        ConfigurationKey(
            "limits.wire.resume_bytes", .size((64 << 10)...(4 << 30)), .defaultText("32MiB"),
            "What is kept of all of them in the process. At least `resume_stream_bytes`."),
        ConfigurationKey("limits.http", .section, .means("the defaults below"), "Limits of HTTP connections."),
        ConfigurationKey(
            "limits.http.idle_timeout", .duration(.seconds(1)...(.seconds(86_400))), .defaultText("120s"),
            "How long a kept-alive connection may be idle before it is closed."),
        ConfigurationKey(
            "limits.http.stream_start_delay", .duration(.milliseconds(100)...(.seconds(3600))), .defaultText("15s"),
            """
            How long a request for a stream waits for the provider's first piece. Then its stream begins with comments alone, and what fails \
            later is told in it as an error event; before, it has its own status.
            """),
        ConfigurationKey(
            "limits.http.keep_alive_interval", .duration(.seconds(1)...(.seconds(3600))), .defaultText("10s"),
            "How often a stream says that it is alive while the provider thinks."),
    ]

    private static let providers: [ConfigurationKey] = [
        ConfigurationKey("providers", .namedSections, .required, "The providers' endpoints, under names of your choice."),
        ConfigurationKey(
            "providers.*.preset", .choice(Configuration.ProviderPreset.allCases.map(\.rawValue)), .means("none: the entry says all itself"),
            "A provider that is known: its dialect, base URL, credential's variable and peculiarities ([dialects.md](dialects.md)). What else the entry says goes before it."
        ),
        ConfigurationKey(
            "providers.*.dialect", .choice(Configuration.Dialect.allCases.map(\.rawValue)), .means("the preset's"),
            "Which API the endpoint speaks. Each entry has either `dialect` or `preset`."),
        ConfigurationKey(
            "providers.*.base_url", .url, .means("the preset's"),
            "What comes before `/chat/completions`, `/v1/messages`, `/api/chat` or `/models/…`: `https://api.openai.com/v1`, `https://api.anthropic.com`, `http://localhost:11434`."
        ),
        ConfigurationKey(
            "providers.*.allow_plaintext", .flag, .defaultText("false"),
            "Needed for an `http://` URL that leaves the machine: prompts and the credential then cross the network readable."),
        ConfigurationKey(
            "providers.*.api_key_env", .environmentName, .means("the preset's; without one requests carry no credential"),
            "Names the credential: this variable, or the file that it names with `_FILE` after it."),
        ConfigurationKey(
            "providers.*.azure_api_version", .identifier, .means("Azure's API under `/openai/v1`"),
            "With `preset: azure`: the version of the API by deployments, such as `2024-10-21`. A model's upstream name is then its deployment's."
        ),
        ConfigurationKey(
            "providers.*.ca_file", .path, .means("the system's trust store"), "PEM certificates to trust instead of the system's."),
        ConfigurationKey(
            "providers.*.max_connections_per_loop", .integer(1...65_536), .defaultText("512"),
            "Connections to the endpoint per event loop. Requests beyond them wait."),
        ConfigurationKey(
            "providers.*.max_waiters_per_loop", .integer(0...65_536), .defaultText("1024"),
            "Requests that may wait for a connection, per event loop. More: `overloaded` (503)."),
        ConfigurationKey(
            "providers.*.queue_timeout", .duration(.milliseconds(10)...(.seconds(3600))), .defaultText("5s"),
            "How long a request waits for a connection, beyond `connect_timeout`. Over: `overloaded` (503)."),
        ConfigurationKey(
            "providers.*.connect_timeout", .duration(.milliseconds(10)...(.seconds(60))), .defaultText("5s"),
            "For TCP and TLS together. Over: `upstream_unreachable`."),
        ConfigurationKey(
            "providers.*.first_byte_timeout", .duration(.milliseconds(10)...(.seconds(3600))), .defaultText("120s"),
            "From the request's last byte to the answer's first. Over: `upstream_timeout`."),
        ConfigurationKey(
            "providers.*.idle_timeout", .duration(.milliseconds(10)...(.seconds(3600))), .defaultText("60s"),
            "Longest silence within an answer. Over: `upstream_timeout`, or `stream_broken`."),
        ConfigurationKey(
            "providers.*.price_list", .identifier, .means("the provider's name here"),
            "What the price list calls the provider: `openai`. See [prices.md](prices.md)."),
    ]

    private static let models: [ConfigurationKey] = [
        ConfigurationKey("models", .sections, .required, "What callers may name as a model. An exact name wins, then the longest pattern."),
        ConfigurationKey(
            "models[].name", .label, .means("the entry has a `pattern`"), "Exact name. Each entry has either `name` or `pattern`."),
        ConfigurationKey(
            "models[].pattern", .pattern, .means("the entry has a `name`"),
            "The start of names, then `*`: `oai-*`. The caller's name goes to the provider unchanged."),
        ConfigurationKey("models[].provider", .identifier, .required, "Name of the provider in `providers`."),
        ConfigurationKey(
            "models[].upstream_name", .label, .means("as the caller names it"), "What the provider calls the model. Not with `pattern`."),
        ConfigurationKey(
            "models[].price", .section, .means("as the price list says"),
            "What tokens cost, in USD per million tokens, whatever the price list says; or the word `free`. See [prices.md](prices.md)."),
        ConfigurationKey("models[].price.input", .price, .required, "Input tokens."),
        ConfigurationKey("models[].price.output", .price, .required, "Output and reasoning tokens."),
        ConfigurationKey(
            "models[].price.cache_read", .price, .means("as `input`"), "Input tokens that the provider had in its prompt cache."),
        ConfigurationKey(
            "models[].price.cache_write", .price, .means("as `input`"), "Input tokens that the provider put into its prompt cache."),
        ConfigurationKey("models[].cache", .section, .means("the defaults below"), "The gateway's own cache of answers."),
        ConfigurationKey(
            "models[].cache.mode", .choice(Configuration.CacheMode.allCases.map(\.rawValue)), .defaultText("deterministic"),
            "`deterministic`: requests with temperature 0 and without tools. `always`: every request. `off`: none, whatever a request asks for."
        ),
        ConfigurationKey(
            "models[].cache.ttl", .duration(.seconds(1)...(.seconds(30 * 86_400))), .means("`cache.default_ttl`"),
            "How long an answer may be used again."),
        ConfigurationKey(
            "models[].first_byte_timeout", .duration(.milliseconds(10)...(.seconds(3600))), .means("the provider's"),
            "As `providers.*.first_byte_timeout`."),
        ConfigurationKey(
            "models[].idle_timeout", .duration(.milliseconds(10)...(.seconds(3600))), .means("the provider's"),
            "As `providers.*.idle_timeout`."),
        ConfigurationKey(
            "models[].scrub", .identifier, .means("the key's policy"),
            "Name of the scrubbing policy in `scrub.policies` for requests to this model, whatever the key's is."),
        ConfigurationKey(
            "models[].drop_unsupported", .flag, .defaultText("false"),
            "Leaves fields out that the provider's dialect has no place for, as `x-agentshield-drop-unsupported: true` does for one request."
        ),
        ConfigurationKey(
            "models[].fallback", .list(.label), .means("none"),
            "Models or aliases that are called behind it, in this order, where it gives no answer; fewer than 16 models in all. Their own fallbacks are not."
        ),
        ConfigurationKey(
            "models[].max_attempts", .integer(1...10), .means("`resilience.retries.max_attempts`"),
            "Calls of the model for one request, the first included."),
        ConfigurationKey(
            "models[].hedge_after", .duration(.milliseconds(10)...(.seconds(3600))), .means("no second call"),
            "How long a request's first call may be without content before a second one is made beside it, at another endpoint if there is one. Both are paid."
        ),
        ConfigurationKey("aliases", .sections, .means("none"), "Names that stand for models."),
        ConfigurationKey("aliases[].name", .label, .required, "Unique among models and aliases."),
        ConfigurationKey(
            "aliases[].fallback", .list(.label), .means("the entry has `arbitrage`"),
            "Models or other aliases, tried in this order; 1 to 16 models in all. Each entry has either `fallback` or `arbitrage`."),
    ]

    private static let scrub: [ConfigurationKey] =
        [
            ConfigurationKey(
                "scrub", .section, .means("the policy `default` below"), "What personal data becomes before it reaches a provider."),
            ConfigurationKey(
                "scrub.policies", .namedSections, .means("the policy `default` below"),
                "Policies that keys name. `default` is always there, as below unless given."),
            ConfigurationKey(
                "scrub.policies.*.kinds", .section, .means("the defaults below"),
                """
                What is done with each kind. `placeholder`: numbered, and put back in the answer. `redact`: a label, never put back. \
                `mask`: asterisks but for the last four characters; `mask:N`: but for the last N. `hash`: a keyed hash, the same for the \
                same value. `block`: the request is refused. `log`: counted, and left as it is. `ignore`: not looked for.
                """),
        ] + EntityKind.builtIn.map(kind)
        + [
            ConfigurationKey(
                "scrub.policies.*.restore_in_tool_arguments", .list(.label), .means("none"),
                "Tools in whose call arguments placeholders are put back.")
        ] + scrubPolicy

    private static func kind(_ kind: EntityKind) -> ConfigurationKey {
        ConfigurationKey(
            "scrub.policies.*.kinds.\(kind.name)",
            kind.isSecret ? .choice(Configuration.scrubActions.filter { !["placeholder", "mask", "hash"].contains($0) }) : .scrubAction,
            .defaultText(ScrubPolicy.defaultAction(for: kind).configured), scrubMeanings[kind.name] ?? "")
    }

    private static let scrubMeanings = [
        "EMAIL": "E-mail addresses.",
        "CARD": "Payment cards that pass Luhn's check.",
        "IBAN": "Bank accounts that pass their check.",
        "BIC": "Bank codes beside an IBAN.",
        "DNI": "Spanish identity numbers.",
        "NIE": "Spanish numbers of foreigners.",
        "CIF": "Spanish company numbers.",
        "NSS": "Spanish social security numbers.",
        "PASSPORT": "Passport numbers behind a word that says so.",
        "SSN": "US social security numbers.",
        "ITIN": "US taxpayer numbers.",
        "NINO": "UK national insurance numbers.",
        "NHS": "UK health service numbers behind a word that says so.",
        "NIR": "French social security numbers.",
        "STEUER_ID": "German tax numbers.",
        "CODICE_FISCALE": "Italian tax codes.",
        "NIF_PT": "Portuguese tax numbers behind a word that says so.",
        "CPF": "Brazilian numbers of persons.",
        "CNPJ": "Brazilian numbers of companies.",
        "CURP": "Mexican population codes.",
        "RFC": "Mexican tax codes.",
        "AADHAAR": "Indian identity numbers behind a word that says so.",
        "PAN": "Indian tax numbers.",
        "PHONE": "Telephone numbers.",
        "IPV4": "IPv4 addresses.",
        "IPV6": "IPv6 addresses.",
        "MAC": "Hardware addresses.",
        "DATE_OF_BIRTH": "Dates behind a word that says that somebody was born.",
        "BTC": "Bitcoin addresses that pass their check.",
        "ETH": "Ethereum addresses.",
        "PERSON": "Names of people behind words that announce one; missed more often than found.",
        "ADDRESS": "Street addresses; missed more often than found.",
        "URL_CREDENTIALS": "User names and passwords in URLs and connection strings.",
        "JWT": "Signed tokens.",
        "PRIVATE_KEY": "Private keys in PEM form.",
        "PASSWORD": "Values that are assigned to a password.",
        "SECRET": "API keys and other credentials: never numbered, so never put back.",
    ]

    private static let rest: [ConfigurationKey] = [
        ConfigurationKey(
            "cache", .section, .means("the defaults below"), "The cache of answers: in memory, or with Redis for all replicas."),
        ConfigurationKey(
            "cache.max_bytes", .size(0...64 << 30), .defaultText("64MiB"),
            "Without Redis over all event loops, with it for each of 256 buckets of tenants; the oldest go first. 0: no cache."),
        ConfigurationKey("cache.max_entry_bytes", .size(1 << 10...64 << 20), .defaultText("1MiB"), "Larger answers are not kept."),
        ConfigurationKey(
            "cache.default_ttl", .duration(.seconds(1)...(.seconds(30 * 86_400))), .defaultText("1h"),
            "How long an answer may be used again."),
        ConfigurationKey(
            "cache.scope", .choice(Configuration.CacheScope.allCases.map(\.rawValue)), .defaultText("tenant"),
            "Who shares an answer: the whole tenant, one user, or one key."),
        ConfigurationKey(
            "cache.max_waiters", .integer(0...65_536), .defaultText("256"),
            "Requests that may wait for an equal one under way; more go to the provider themselves."),
        ConfigurationKey(
            "idempotency", .section, .means("the defaults below"), "Answers that are told again to whoever repeats a request."),
        ConfigurationKey(
            "idempotency.ttl", .duration(.seconds(1)...(.seconds(7 * 86_400))), .defaultText("1h"),
            "How long an answer is kept for repetitions with the same idempotency key."),
        ConfigurationKey(
            "idempotency.max_bytes", .size(0...64 << 30), .defaultText("16MiB"),
            "Without Redis over all event loops, with it for each of 256 buckets of tenants. 0: no answer is kept; a repetition still waits for the first."
        ),
        ConfigurationKey("log", .section, .means("the defaults below"), "The log, on standard error."),
        ConfigurationKey(
            "log.level", .choice(Configuration.Log.Level.allCases.map(\.rawValue)), .defaultText("info"),
            "The least severe level that is written."),
        ConfigurationKey(
            "log.format", .choice(Configuration.Log.Format.allCases.map(\.rawValue)), .defaultText("json"),
            "One JSON object a line, or text for people."),
        ConfigurationKey(
            "log.client_address", .flag, .defaultText("false"),
            "Whether the request log has the client's address, which may be somebody's personal data: the edge's word, where proven, or else the socket's."
        ),
        ConfigurationKey(
            "drain_deadline", .duration(.seconds(0)...(.seconds(3600))), .defaultText("20s"),
            "How long requests under way may go on after SIGTERM."),
        ConfigurationKey("event_loops", .integer(1...256), .means("the number of cores"), "Threads that serve requests."),
        ConfigurationKey("replica", .section, .means("the defaults below"), "What this process calls itself."),
        ConfigurationKey("replica.id", .identifier, .means("the host's name"), "Told to clients and in logs."),
        ConfigurationKey(
            "replica.region", .identifier, .means("none"),
            "Told to clients and in logs. Tenants that are bound to another region are refused: `wrong_region` (451)."),
        ConfigurationKey(
            "replicas", .choice(Configuration.Replicas.allCases.map(\.rawValue)), .defaultText("one"),
            "`many`: other processes serve the same callers. Then there must be a Redis (`redis.state`) and DATABASE_URL, and what is one process' own is refused: `control.file`, `ledger.file`, and a certificate that nobody else signed."
        ),
    ]
}
