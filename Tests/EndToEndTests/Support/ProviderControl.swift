import Foundation
import NIOCore
import Testing

/// What a scripted provider tells about itself.
struct ProviderControl: Sendable {
    let url: String
    private let port: Int

    /// - Parameter address: the line with which the program says where it listens.
    init(address line: String) throws {
        url = String(try #require(line.split(separator: " ").last))
        port = try #require(url.split(separator: ":").last.flatMap { Int($0) })
    }

    private func ask(_ path: String, method: String = "GET") async throws -> JSON {
        let caller = try await HTTPCaller.connect(port: port, tls: nil, key: nil)
        defer { caller.close() }
        return try JSON(try await caller.send(method, path).body)
    }

    /// The bodies of the requests that are remembered, in order.
    func bodies() async throws -> [String] {
        try await ask("/_record").list("requests").map { $0.string("body") ?? "" }
    }

    /// Their targets, and the names of their headers.
    func heads() async throws -> [(target: String, headers: Set<String>)] {
        try await ask("/_record").list("requests").map { request in
            (request.string("path") ?? "", Set(request.list("headers").compactMap { $0.string("0")?.lowercased() }))
        }
    }

    /// The values that a header had in them, those without it left out.
    func values(of header: String) async throws -> [String] {
        try await ask("/_record").list("requests").flatMap { request in
            request.list("headers").filter { $0.string("0")?.lowercased() == header }.compactMap { $0.string("1") }
        }
    }

    func forget() async throws {
        _ = try await ask("/_record", method: "DELETE")
    }

    /// - Parameter condition: `exactly=active:0` and the like; the answer comes when it holds.
    func statistics(_ condition: String? = nil) async throws -> Statistics {
        let answer = try await ask("/_stats" + (condition.map { "?\($0)" } ?? ""))
        return Statistics(
            requests: answer.int("requests") ?? -1, closedEarly: answer.int("closed_early") ?? -1, active: answer.int("active") ?? -1,
            bytesSent: answer.int("bytes_sent") ?? -1)
    }

    struct Statistics: Sendable, Equatable {
        var requests: Int
        var closedEarly: Int
        var active: Int
        var bytesSent: Int
    }
}

/// JSON in the hands of a test: paths such as `choices.0.message.content`.
struct JSON {
    private let value: Any

    init(_ text: String) throws {
        value = try JSONSerialization.jsonObject(with: Data(text.utf8))
    }

    private init(value: Any) {
        self.value = value
    }

    private func at(_ path: String) -> Any? {
        path.split(separator: ".").reduce(value as Any?) { value, key in
            if let index = Int(key), let list = value as? [Any] {
                return list.indices.contains(index) ? list[index] : nil
            }
            return (value as? [String: Any])?[String(key)]
        }
    }

    func string(_ path: String) -> String? { at(path) as? String }
    func int(_ path: String) -> Int? { at(path) as? Int }
    func list(_ path: String) -> [JSON] { (at(path) as? [Any] ?? []).map { JSON(value: $0) } }
    func object(_ path: String) -> JSON { JSON(value: at(path) ?? [:]) }
    func has(_ path: String) -> Bool { at(path) != nil }
    var keys: Set<String> { Set((value as? [String: Any] ?? [:]).keys) }
}
