extension Configuration {
    /// Providers that are known by name: what their entry need not say. One row each; they differ in nothing else.
    package enum ProviderPreset: String, Sendable, CaseIterable {
        case openai, anthropic, azure, groq, mistral, deepseek, openrouter, together, xai, vllm, localai, ollama
        case llamaCPP = "llama-cpp"
        case ollamaNative = "ollama-native"
        case gemini
    }

    /// The header that a provider's credential stands in.
    package enum CredentialHeader: Sendable, Equatable {
        case bearer
        case xAPIKey
        case apiKey
        case xGoogAPIKey
    }

    /// What follows from a preset, or without one from the dialect.
    package struct ProviderTraits: Sendable, Equatable {
        package var dialect: Dialect
        /// `nil`: the entry must say it.
        package var baseURL: String?
        /// The variable that holds the credential; `nil`: the entry says it, or there is none.
        package var credential: String?
        package var credentialHeader: CredentialHeader
        /// Whether the server refuses `stream_options`; it tells a stream's usage unasked.
        package var refusesStreamOptions: Bool

        init(
            _ dialect: Dialect = .openai, _ baseURL: String? = nil, credential: String? = nil,
            in credentialHeader: CredentialHeader = .bearer,
            refusesStreamOptions: Bool = false
        ) {
            self.dialect = dialect
            self.baseURL = baseURL
            self.credential = credential
            self.credentialHeader = credentialHeader
            self.refusesStreamOptions = refusesStreamOptions
        }

        static func of(_ dialect: Dialect) -> Self {
            switch dialect {
            case .anthropic: Self(dialect, in: .xAPIKey)
            case .gemini: Self(dialect, in: .xGoogAPIKey)
            case .openai, .ollama: Self(dialect)
            }
        }
    }
}

extension Configuration.ProviderPreset {
    package var traits: Configuration.ProviderTraits {
        typealias Traits = Configuration.ProviderTraits
        switch self {
        case .openai: return Traits(.openai, "https://api.openai.com/v1", credential: "OPENAI_API_KEY")
        case .anthropic: return Traits(.anthropic, "https://api.anthropic.com", credential: "ANTHROPIC_API_KEY", in: .xAPIKey)
        // Every resource has a host of its own.
        case .azure: return Traits(.openai, credential: "AZURE_OPENAI_API_KEY", in: .apiKey)
        case .groq: return Traits(.openai, "https://api.groq.com/openai/v1", credential: "GROQ_API_KEY")
        case .mistral:
            return Traits(.openai, "https://api.mistral.ai/v1", credential: "MISTRAL_API_KEY", refusesStreamOptions: true)
        case .deepseek: return Traits(.openai, "https://api.deepseek.com/v1", credential: "DEEPSEEK_API_KEY")
        case .openrouter: return Traits(.openai, "https://openrouter.ai/api/v1", credential: "OPENROUTER_API_KEY")
        case .together: return Traits(.openai, "https://api.together.xyz/v1", credential: "TOGETHER_API_KEY")
        case .xai: return Traits(.openai, "https://api.x.ai/v1", credential: "XAI_API_KEY")
        case .vllm: return Traits(.openai, "http://localhost:8000/v1")
        case .llamaCPP, .localai: return Traits(.openai, "http://localhost:8080/v1")
        case .ollama: return Traits(.openai, "http://localhost:11434/v1")
        case .ollamaNative: return Traits(.ollama, "http://localhost:11434")
        case .gemini:
            return Traits(.gemini, "https://generativelanguage.googleapis.com/v1beta", credential: "GEMINI_API_KEY", in: .xGoogAPIKey)
        }
    }
}
