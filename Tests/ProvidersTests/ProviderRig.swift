import Foundation
import NIOCore
import ProcessSupport
import Providers
import Testing

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// A running `scripted-provider` and a pool that talks to it.
struct ProviderRig: Sendable {
    let pool: PoolRig
    let endpoint: UpstreamEndpoint
    /// For chat requests; the control requests have time.
    let timeouts: UpstreamTimeouts

    static func run(
        _ arguments: [String] = [], tls: UpstreamTLS? = nil, timeouts: UpstreamTimeouts = UpstreamTimeouts(),
        body: (ProviderRig) async throws -> Void
    ) async throws {
        try await ProductProcess.run("scripted-provider", arguments: arguments, readyPrefix: "listening on ") { _, line in
            let url = line.dropFirst("listening on ".count)
            try await PoolRig.run { pool in
                let baseURL = tls == nil ? String(url) : String(url).replacing("127.0.0.1", with: "localhost")
                try await body(ProviderRig(pool: pool, endpoint: UpstreamEndpoint(baseURL: baseURL, tls: tls), timeouts: timeouts))
            }
        }
    }

    func get(_ path: String) async throws -> Answer {
        try await pool.call(UpstreamRequest(endpoint: endpoint, method: .get, path: path))
    }

    func object(_ path: String) async throws -> JSONObject {
        try JSONObject(try await get(path).body)
    }

    /// By another client: the pool knows no method that no provider is called with.
    func delete(_ path: String) async throws -> Int? {
        var request = URLRequest(url: try #require(URL(string: "http://\(endpoint.authority)\(path)")))
        request.httpMethod = "DELETE"
        return (try await URLSession.shared.data(for: request).1 as? HTTPURLResponse)?.statusCode
    }

    /// One user message to a model.
    func chatRequest(
        _ model: String, _ text: String = "Hello out there", fields: String = "", key: String? = nil
    ) throws -> UpstreamRequest {
        var headers = UpstreamHeaders()
        try headers.add("content-type", "application/json")
        if let key {
            try headers.add("authorization", "Bearer \(key)")
        }
        let body = #"{"model":"\#(model)","messages":[{"role":"user","content":"\#(text)"}]\#(fields)}"#
        return UpstreamRequest(
            endpoint: endpoint, path: "/v1/chat/completions", headers: headers, body: ByteBuffer(string: body), timeouts: timeouts)
    }

    func chat(_ model: String, _ text: String = "Hello out there", fields: String = "", key: String? = nil) async throws -> Answer {
        try await pool.call(try chatRequest(model, text, fields: fields, key: key))
    }

    /// A stream's events, as far as they came.
    func stream(_ model: String, _ text: String = "Hello out there", fields: String = "") async throws -> (answer: Answer, events: [String])
    {
        let answer = try await chat(model, text, fields: #","stream":true\#(fields)"#)
        return (answer, SSEParserTests.parse(answer.body).map(\.data))
    }
}

/// JSON in the hands of a test: paths such as `choices.0.message.content`.
struct JSONObject: @unchecked Sendable {
    // Only value types and their immutable Foundation counterparts, never changed after parsing.
    private let value: Any

    init(_ text: String) throws {
        value = try JSONSerialization.jsonObject(with: Data(text.utf8))
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
    func bool(_ path: String) -> Bool? { at(path) as? Bool }
    func count(_ path: String) -> Int? { (at(path) as? [Any])?.count }
    func has(_ path: String) -> Bool { at(path) != nil }
}
