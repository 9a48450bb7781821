extension Fault {
    /// What an upstream's HTTP error means for the caller.
    ///
    /// - Parameters:
    ///   - status: the upstream's status, not 2xx.
    ///   - error: its body, if it could be read. Its message is passed on only where it speaks about the caller's own request.
    ///   - retryAfterMilliseconds: from the upstream's `retry-after`.
    package static func upstreamStatus(_ status: Int, error: ProviderError?, retryAfterMilliseconds: Int64?, provider: String) -> Fault {
        let retryAfterMilliseconds = retryAfterMilliseconds ?? error?.retryAfterMilliseconds
        // Others that speak OpenAI's dialect use the same words for a limit that passes, and say when.
        let passes = status == 429 && retryAfterMilliseconds != nil
        if (400..<500).contains(status), error?.blamesAccount == true, !passes { return upstreamAccount(provider) }
        let blamesCredential = error?.blamesCredential == true
        return switch blamesCredential ? 401 : status {
        // 402: the gateway's own account has nothing left; the caller's budget has nothing to do with it.
        case 401, 402, 403:
            Fault(
                .upstreamCredential, origin: .upstream,
                message:
                    "The provider `\(provider)` refused the gateway's own credential. The gateway's operator must check that provider's key and account.",
                retryAfterMilliseconds: retryAfterMilliseconds)
        case 429:
            Fault(
                .upstreamRateLimited, origin: .upstream, message: "The provider `\(provider)` limits the gateway's requests.",
                retryAfterMilliseconds: retryAfterMilliseconds)
        case 408, 504:
            Fault(
                .upstreamTimeout, origin: .upstream, message: "The provider `\(provider)` did not answer in time (status \(status)).",
                retryAfterMilliseconds: retryAfterMilliseconds)
        case 400..<500:
            Fault(
                .upstreamRejected, origin: .upstream,
                message: "The provider `\(provider)` refused the request: \(error?.sentence ?? "status \(status), without a reason.")",
                retryAfterMilliseconds: retryAfterMilliseconds, parameter: error?.parameter, httpStatusOverride: status)
        case 503, 529:
            Fault(
                .upstreamOverloaded, origin: .upstream, message: "The provider `\(provider)` is overloaded (status \(status)).",
                retryAfterMilliseconds: retryAfterMilliseconds)
        case 500...:
            Fault(
                .upstreamError, origin: .upstream, message: "The provider `\(provider)` failed with status \(status).",
                retryAfterMilliseconds: retryAfterMilliseconds)
        default:
            Fault(
                .upstreamBadAnswer, origin: .upstream,
                message: "The provider `\(provider)` answered with status \(status), which is no answer to a request.")
        }
    }

    /// The gateway's own account has nothing left: no wait helps, another provider does.
    package static func upstreamAccount(_ provider: String?) -> Fault {
        Fault(
            .upstreamCredential, origin: .upstream,
            message:
                "The gateway's account at the provider\(provider.map { " `\($0)`" } ?? "") has no quota or credit left, or is closed. The gateway's operator must see to that account; your own limits and budgets have nothing to do with it."
        )
    }
}
