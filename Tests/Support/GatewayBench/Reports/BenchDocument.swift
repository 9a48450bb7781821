/// What stands before figures that a program writes into `docs/performance/`.
enum BenchDocument {
    static let gateway = """
        # The gateway's speed and size

        Written by `make bench`, which starts everything itself and takes about six minutes; [gateway.json](gateway.json) has the same figures. The
        measured program runs alone on the first core (the gateway with one event loop, nginx and HAProxy with one thread, as plain proxies to the same
        provider), all else on the second: the provider, Redis, PostgreSQL and the load.

        - A request is 841 bytes of JSON with an e-mail address in it; an answer has 16 words. *Governed* is everything on: authentication, limits of key
          and tenant, budgets of tenant and user, scrubbing both ways, a look-up in the cache that finds nothing, the durable ledger; with Redis and
          PostgreSQL, or in memory with a ledger in a file. *Bare* is authentication and one limit.
        - "64 in flight" is as fast as it goes: the second core may be what limits it, then *requests/s* is a lower bound, and CPU is what counts. A rate sends
          each request at its time, whether others have been answered or not, and counts from that time. What is *added* is over the provider called directly
          under the same load.
        - CPU is that of the measured process alone, user and kernel. *Beside nginx*: divided by nginx's by the same way under the same load; the wire stands beside
          nginx's HTTPS. At low rates waking up is most of what a request costs, of nginx too.
        - Latencies are counted in buckets of 0.05 %. "Each delta" is from the provider's sending it (its clock is in its text) to its arrival.
        - Wire requests are frames encoded in advance, so that the load is not what is measured; *SDK* is the Swift client.

        """
}

extension BenchReport {
    /// p50 and p99 over the rate.
    var latencyChart: Chart {
        let ways = curve.map(\.way).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
        let lines = ways.flatMap { way in
            let points = curve.filter { $0.way == way }
            return [
                Chart.Line(name: "\(way), p50", points: points.map { ($0.answeredPerSecond, $0.p50Microseconds) }),
                Chart.Line(name: "\(way), p99", points: points.map { ($0.answeredPerSecond, $0.p99Microseconds) }),
            ]
        }
        return Chart(
            title: "Latency over load, one core", xLabel: "answered requests a second", yLabel: "µs", isLogarithmic: (x: false, y: true),
            lines: lines)
    }
}

extension BenchDocument {
    static let overload = """
        # Overload

        Written by `make bench-overload`. The gateway runs in a control group with bounded memory and CPU, governed, with its ledger in a file; its provider and the load
        on the other core. Of ten prompts seven have 1 KiB, two 20 KiB, one 1 MiB, each different, with about one finding for the scrubber in each KiB. Times are in
        milliseconds; what is added is over the provider called directly, over plain HTTP, at the same rate. Both ways together are then asked for as much as each serves
        alone. Requests that are shed get 503, or `overloaded` on the wire.

        """

    static let soak = """
        # Soak

        Written by `make soak`: the gateway, governed, with its ledger in a file, at half of what it can serve, wire and HTTPS in equal parts, whole answers by the one and streams
        by the other. The cache (64 MiB) and the allocator's arenas fill first, so the slope is that of the second half.

        """

    static let curves = """
        # What a request costs beside more of everything else

        Written by `make bench-curves`: a governed request by the wire, in memory, at 1,000 a second; streams of one connection as fast as they go.

        """

    static let sizes = """
        # Bytes on the wire

        Written by `make bench-sizes`, which says how (`gateway-bench sizes --help`). TLS adds 22 bytes to each record of either. Where nothing stands, there is no such
        form, or compressing would not make it shorter.

        """

    static let peers = """
        # Beside other gateways

        Written by `make bench-peers`: 64 requests in flight, 841 bytes each and no two alike, the measured gateway alone on one core, its provider and the load on the other.
        LiteLLM's proxy comes from PyPI, with one worker and its master key, without limits, scrubbing, cache and database. TensorZero's package on PyPI holds a client and a gateway as a library for Python, no
        program that serves HTTP, so it is not measured.

        """
}
