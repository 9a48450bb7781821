import GatewayJSON
import NIOCore

/// What is wrong with a message before it is a request, in the words of OpenAI's errors.
struct SocketFault: Error, Equatable {
    var code: String
    var message: String
    var field: String?

    func write(into output: inout ByteBuffer) {
        var json = JSONWriter(into: output)
        output = ByteBuffer()
        json.object { json in
            json.member("type", "error")
            json.member("status", 400 as Int64)
            json.member("code", code)
            json.member("message", message)
            json.member("param", orNull: field)
            json.key("error")
            json.object { json in
                json.member("message", message)
                json.member("type", "invalid_request_error")
                json.member("param", orNull: field)
                json.member("code", code)
            }
        }
        output = json.buffer
        output.writeStaticString("\n")
    }

    static func badField(_ name: String, _ rule: String) -> SocketFault {
        SocketFault(code: "invalid_request", message: "`\(name)` \(rule).", field: name)
    }

    static let malformed = SocketFault(
        code: "malformed_body", message: "A message must be one JSON object with each key once: {\"type\":\"response.create\", …}.")
    static let withoutType = badField("type", "is required: response.create")
    static let unknownType = badField("type", "must be response.create: nothing else is served here")
    static let previousNotFound = SocketFault(
        code: "previous_response_not_found",
        message:
            "`previous_response_id` is not this connection's last response: nothing else is kept. Send the whole conversation in `input` without it.",
        field: "previous_response_id")
    static let tooManyWaiting = SocketFault(
        code: "too_many_requests",
        message: "More than \(ResponsesSocketLimits.maxWaiting) messages wait for the answer under way, or there is no room for them.")
    static let tooOld = SocketFault(
        code: "websocket_connection_limit_reached", message: "The connection has been open for 60 minutes: open another one.")
}
