import SeededRandomness

/// What programs write: access logs, JSON logs, application logs and source code.
enum Logs {
    static func block(_ random: inout SeededRandom) -> String {
        switch random.number(0...9) {
        case 0...2: (0..<8).map { _ in access(&random) }.joined()
        case 3...5: (0..<8).map { _ in json(&random) }.joined()
        case 6, 7: (0..<8).map { _ in application(&random) }.joined()
        default: code(&random)
        }
    }

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

    private static func time(_ random: inout SeededRandom) -> String {
        "\(two(random.number(0...23))):\(two(random.number(0...59))):\(two(random.number(0...59)))"
    }

    private static func stamp(_ random: inout SeededRandom) -> String {
        "2026-\(two(random.number(1...12)))-\(two(random.number(1...28)))T\(time(&random)).\(random.digits(3))Z"
    }

    private static func uuid(_ random: inout SeededRandom) -> String {
        "\(random.hex(8))-\(random.hex(4))-4\(random.hex(3))-a\(random.hex(3))-\(random.hex(12))"
    }

    private static func address(_ random: inout SeededRandom) -> String {
        "10.\(random.number(0...255)).\(random.number(0...255)).\(random.number(1...254))"
    }

    private static func path(_ random: inout SeededRandom) -> String {
        "/"
            + (0..<random.number(1...4)).map { _ in random.pick(["api", "v1", "orders", "users", "static", "img", "chat", "completions"]) }
            .joined(separator: "/") + random.pick(["", "?page=\(random.number(1...90))", "/\(random.number(1000...9_999_999))", ".js"])
    }

    private static func access(_ random: inout SeededRandom) -> String {
        "\(random.chance(30) ? address(&random) : "-") - - [\(two(random.number(1...28)))/Nov/2026:\(time(&random)) +0000] \"GET \(path(&random)) "
            + "HTTP/1.1\" \(random.pick(["200", "200", "304", "404", "500"])) \(random.number(100...99_999)) \"https://www.example.com/\" "
            + "\"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\"\n"
    }

    private static func json(_ random: inout SeededRandom) -> String {
        "{\"ts\":\"\(stamp(&random))\",\"level\":\"\(random.pick(["info", "warning", "error"]))\",\"trace_id\":\"\(random.hex(32))\","
            + "\"span_id\":\"\(random.hex(16))\",\"request_id\":\"\(uuid(&random))\",\"path\":\"\(path(&random))\","
            + "\"duration_ms\":\(random.number(0...2000)).\(random.digits(3)),\"bytes\":\(random.number(10...9_999_999)),"
            + "\"msg\":\"\(random.pick(["request handled", "cache miss", "upstream timed out", "retrying"]))\"}\n"
    }

    private static func application(_ random: inout SeededRandom) -> String {
        "\(stamp(&random)) \(random.pick(["INFO", "DEBUG", "WARN"])) [worker-\(random.number(0...15))] c.e.s.\(random.pick(["Order", "Cart"]))"
            + "Service:\(random.number(10...400)) - processed order=\(random.number(100_000...9_999_999)) items=\(random.number(1...40)) "
            + "total=\(random.number(1...999)).\(random.digits(2)) took \(random.number(1...900))ms sha256=\(random.hex(64))\n"
    }

    private static func code(_ random: inout SeededRandom) -> String {
        let name = random.pick(["index", "count", "buffer", "request", "total", "offset"])
        return """
            func \(name)For(_ key: String, limit: Int = \(random.number(1...4096))) throws -> [UInt8] {
                // See RFC \(random.number(1000...9500)), section \(random.number(1...9)).\(random.number(1...9)).\(random.number(1...9)).
                guard let value = table[key], value.count <= limit else { throw Failure.tooLong(\(random.number(0...255))) }
                var \(name) = 0x\(random.hex(8))
                for byte in value where byte & 0x80 == 0 { \(name) = \(name) &* 31 &+ Int(byte) }
                return Array(value[..<min(\(name) % 64, value.count)])
            }

            const \(name) = async ({ id, page = \(random.number(1...20)) }) => {
              const res = await fetch(`${BASE_URL}/items/${id}?page=${page}`, { headers: { "x-version": "\(random.number(1...9)).4.\(random.number(0...9))" } });
              if (!res.ok) throw new Error(`HTTP ${res.status}`);
              return (await res.json()).map((item) => ({ ...item, color: "#\(random.hex(6))", sum: item.price * 1.21 }));
            };

            """
    }
}
