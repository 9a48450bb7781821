/// How many requests and bytes may be in the gateway at once. What does not fit is shed before it costs memory.
package struct InFlightBudget: Sendable, Equatable {
    package let maxRequests: Int
    package let maxBytes: Int
    package private(set) var requests = 0
    package private(set) var bytes = 0

    package init(maxRequests: Int, maxBytes: Int) {
        self.maxRequests = maxRequests
        self.maxBytes = maxBytes
    }

    /// Takes a place for one request; `false`: shed it.
    package mutating func openRequest() -> Bool {
        guard requests < maxRequests else { return false }
        requests += 1
        return true
    }

    package mutating func closeRequest() {
        requests = max(0, requests - 1)
    }

    /// Takes `count` bytes; `false`: shed the request that wants them. One request alone is always let in, or a large one could never be served.
    package mutating func reserve(_ count: Int) -> Bool {
        guard bytes == 0 || count <= maxBytes - bytes else { return false }
        bytes += count
        return true
    }

    /// Takes `count` bytes more for a request that holds `held`; `false`: give it up. One request alone is always let grow.
    package mutating func extend(_ held: Int, by count: Int) -> Bool {
        guard bytes <= held || count <= maxBytes - bytes else { return false }
        bytes += count
        return true
    }

    package mutating func release(_ count: Int) {
        bytes = max(0, bytes - count)
    }
}

extension Fault {
    /// The answer at the limit of ``InFlightBudget``.
    package static let overloaded = Fault(
        .overloaded, origin: .gateway, message: "The gateway has as much work as it can hold. Nothing was done; try again shortly.",
        retryAfterMilliseconds: 1_000)
}
