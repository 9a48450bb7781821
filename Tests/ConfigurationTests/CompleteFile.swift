import GatewayCrypto

/// A file in which every key of the table stands.
enum CompleteFile {
    static let identity: (certificate: [UInt8], privateKey: String, authority: [UInt8]) = {
        guard let made = try? DevelopmentCertificate.make(now: 1_800_000_000) else { return ([], "", []) }
        return (made.certificate, made.privateKey.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }, made.authority)
    }()

    static let environment = Fixture.environment.merging([
        "OTHER_KEY_FILE": "/run/secrets/other", "REDIS_STATE": "rediss://gateway:hunter2@redis.internal/1",
        "REDIS_CACHE": "redis://cache.internal",
        "OLD_PEPPER": "fedcba9876543210fedcba9876543210", "CONTROL_CREDENTIAL": "0123456789abcdef0123456789abcdef",
    ]) { $1 }

    static let files = [
        "/etc/agentshield/server.pem": String(decoding: identity.certificate, as: UTF8.self),
        "/keys/server.key": identity.privateKey,
        "/etc/agentshield/tls/ca.pem": String(decoding: identity.authority, as: UTF8.self),
        "/run/secrets/other": "from-a-file\n",
        "/etc/agentshield/keys.json":
            #"{"keys":[{"kty":"EC","crv":"P-256","kid":"1","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","#
            + #""y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#,
        "/etc/agentshield/key.pem": String(decoding: identity.certificate, as: UTF8.self),
    ]

    static let yaml = """
        listen:
          tls: {enabled: true, address: 0.0.0.0:443, certificate: server.pem, private_key: /keys/server.key, client_ca: tls/ca.pem, edge_proof: true,
            proxy_protocol: {from: [10.0.0.0/8, "2001:db8::/32", 192.0.2.7]}}
          http: {address: "[::1]:8081", edge_proof: true, proxy_protocol: {from: ["::1"]}}
          admin: {enabled: false, address: "localhost:9091"}
          control: {address: "10.0.0.1:9092", credential_env: CONTROL_CREDENTIAL, hosts: [control.internal], allow_plaintext: true}
        edge:
          access:
            team_domain: acme.cloudflareaccess.com
            audiences: ["f0e1d2c3b4a5f0e1d2c3b4a5f0e1d2c3"]
            ca_file: tls/ca.pem
            refresh_interval: 5m
            minimum_refresh_interval: 10s
            fetch_timeout: 2s
            maximum_age: 12h
            clock_skew: 10s
          origin_secret: {secret_env: ORIGIN_SECRET, previous_secret_env: OLD_ORIGIN_SECRET}
        auth:
          profiles:
            analysts: {models: [smart], limits: {requests_per_minute: 6, burst: 1, tokens_per_minute: 60, token_burst: 6,
              concurrent_requests: 1}, scrub: strict}
          issuers:
            - id: corp
              issuer: https://login.example.com/
              audiences: [agentshield, "https://shield.example.com"]
              algorithm: RS256
              jwks_url: https://login.example.com/keys
              tenant_claim: org
              tenants: [acme, globex]
              user_claim: email
              department_claim: dept
              models_claim: models
              profile_claim: groups
              profile: analysts
            - {id: file, issuer: f, audiences: [a], algorithm: ES256, jwks_file: keys.json, tenant: acme, profile: analysts}
            - {id: pem, issuer: p, audiences: [a], algorithm: ES256, public_key_file: key.pem, tenant: acme, profile: analysts}
            - {id: secret, issuer: s, audiences: [a], algorithm: HS256, secret_env: TOKEN_SECRET, tenant: acme, profile: analysts}
          pepper_env: AGENTSHIELD_PEPPER
          pepper_id: p2
          previous_pepper_env: OLD_PEPPER
          previous_pepper_id: p1
          stale_max: 30s
          without_store: refuse
          keys:
            - id: k1
              hash: "\(Fixture.zeroHash)"
              tenant: acme
              department: support
              user: ana@example.com
              models: [smart, "oai-*"]
              limits:
                requests_per_minute: 30
                burst: 3
                tokens_per_minute: 90000
                token_burst: 9000
                concurrent_requests: 2
              expires: 2030-01-01T00:00:00Z
              scrub: strict
              development: false
        ledger: {file: ledger.sqlite, key_env: OLD_PEPPER, timeout: 2s, max_waiting: 500, without_store: spool,
          spool: spool, max_spool_bytes: 2MiB, max_stream_length: 1000}
        limits:
          max_connections: 100
          max_connections_per_address: 50
          max_request_bytes: 1MiB
          max_answer_bytes: 2MiB
          max_in_flight_requests: 10
          max_in_flight_bytes: 8MiB
          default_deadline: 30s
          max_deadline: 2m
          slow_request_timeout: 4s
          requests_per_minute: 10
          burst: 2
          tokens_per_minute: 60000
          token_burst: 6000
          concurrent_requests: 20
          assumed_output_tokens: 500
          without_redis: refuse
          wire:
            max_frame_bytes: 128KiB
            max_concurrent_streams: 10
            initial_stream_credit: 512KiB
            initial_connection_credit: 2MiB
            idle_timeout: 15s
            resume_timeout: 7s
            resume_stream_bytes: 128KiB
            resume_bytes: 16MiB
          http: {idle_timeout: 10s, stream_start_delay: 4s, keep_alive_interval: 5s}
        tenants:
          acme:
            limits: {requests_per_minute: 100, burst: 20, tokens_per_minute: 1000000, token_burst: 50000, concurrent_requests: 30}
            user_limits: {requests_per_minute: 10, burst: 2, tokens_per_minute: 100000, token_burst: 5000, concurrent_requests: 3}
            model_limits:
              - {model: "oai-*", requests_per_minute: 50, burst: 5}
              - {model: small, burst: 7, requests_per_minute: 70, tokens_per_minute: 7000, token_burst: 700, concurrent_requests: 7}
            without_redis: local
            budget: {day: 100, month: 2500.50, total: 9000000}
            department_budget: {day: 50, month: 1000, total: 20000}
            user_budget: {day: 5, month: 100, total: 0.000000001}
        redis:
          state: {url_env: REDIS_STATE, ca_file: tls/ca.pem, timeout: 250ms}
          cache: {url_env: REDIS_CACHE, ca_file: tls/ca.pem}
        providers:
          main: {dialect: openai, base_url: "https://api.example.com/v1", api_key_env: MAIN_KEY}
          azure: {preset: azure, base_url: "https://acme.openai.azure.com", api_key_env: OTHER_KEY, azure_api_version: 2024-10-21}
          other:
            dialect: openai
            base_url: http://vllm.internal:8000/
            allow_plaintext: true
            api_key_env: OTHER_KEY
            ca_file: tls/ca.pem
            max_connections_per_loop: 8
            max_waiters_per_loop: 9
            queue_timeout: 900ms
            connect_timeout: 1s
            first_byte_timeout: 2s
            idle_timeout: 3s
            max_connection_age: 2m
            warm_connections_per_loop: 3
            price_list: vllm
          many:
            dialect: openai
            endpoints:
              - {base_url: "https://one.example.com/v1", api_key_env: MAIN_KEY, weight: 3}
              - {base_url: "https://two.example.com/v1", api_key_env: OTHER_KEY, weight: 1}
        prices: {unknown: ceiling, ceiling: {input: 20, output: 80, cache_read: 2, cache_write: 25}}
        models:
          - name: small
            provider: main
            upstream_name: small-2026
            price: {input: 0.15, output: 0.60, cache_read: 0.0375, cache_write: 0.1875}
            cache: {mode: always, ttl: 60s}
            first_byte_timeout: 7s
            idle_timeout: 800ms
            scrub: strict
            drop_unsupported: true
            max_attempts: 3
            hedge_after: 2s
            fallback: [oai-large]
          - {pattern: "oai-*", provider: other, price: free}
        resilience:
          retries: {max_attempts: 4, base_delay: 10ms, max_delay: 500ms, budget_percent: 5, budget_minimum_per_second: 1}
          breaker: {enabled: true, failure_percent: 25, minimum_calls: 8, window: 20s, open_for: 2s, max_open_for: 30s, probes: 2}
        aliases:
          - {name: smart, fallback: [small, oai-large]}
        scrub:
          policies:
            strict:
              kinds: {EMAIL: redact, CARD: block, IBAN: block, DNI: placeholder, NIE: placeholder, IPV4: ignore,
                BIC: placeholder, CIF: placeholder, NSS: placeholder, PASSPORT: placeholder, SSN: placeholder,
                ITIN: placeholder, NINO: placeholder, NHS: placeholder, NIR: placeholder, STEUER_ID: placeholder,
                CODICE_FISCALE: placeholder, NIF_PT: placeholder, CPF: placeholder, CNPJ: placeholder,
                CURP: placeholder, RFC: placeholder, AADHAAR: placeholder, PAN: placeholder, PHONE: placeholder,
                IPV6: placeholder, MAC: placeholder, DATE_OF_BIRTH: placeholder, BTC: placeholder, ETH: placeholder,
                PERSON: redact, ADDRESS: redact, URL_CREDENTIALS: redact, JWT: redact, PRIVATE_KEY: redact, PASSWORD: redact, SECRET: block}
              restore_in_tool_arguments: [create_ticket]
              minimum_score: 0.6
              minimum_scores: {PHONE: 0.7, CASE: 0.4}
              locales: [es, us]
              hash_key_env: AGENTSHIELD_PEPPER
              allow: {values: [4111 1111 1111 1111], email_domains: ["*.example.com"]}
              answers: log
              object_keys: log
              fold_lookalikes: true
              patterns:
                - {name: CASE, pattern: 'case [0-9]{5}', case_insensitive: true, score: 0.8, context: [file], action: "mask:2"}
        cache: {max_bytes: 1MiB, max_entry_bytes: 64KiB, default_ttl: 5m, scope: user, max_waiters: 4}
        idempotency: {ttl: 5m, max_bytes: 1MiB}
        log: {level: debug, format: text, client_address: true}
        drain_deadline: 5s
        event_loops: 2
        replica: {id: r1, region: eu-west}
        replicas: one
        control: {file: control.sqlite}
        telemetry:
          service_name: gateway
          otlp: {endpoint: "http://collector:4318", allow_plaintext: true, ca_file: tls/ca.pem, headers_env: OTLP_HEADERS, ratio: 0.25, timeout: 2s}
        """
}
