import GatewayCore
import GatewayJSON
import GatewayPipeline
import NIOCore

extension ModelListing {
    /// OpenAI's model object. When a model was made is not known here, so `created` is 0.
    func write(into json: inout JSONWriter) {
        json.object { json in
            json.member("id", name)
            json.member("object", "model")
            json.member("created", Int64(0))
            json.member("owned_by", owner)
        }
    }

    var object: ByteBuffer {
        var json = JSONWriter()
        write(into: &json)
        return json.buffer
    }
}

extension ModelListing {
    /// Anthropic's model object.
    func writeMessages(into json: inout JSONWriter) {
        json.object { json in
            json.member("type", "model")
            json.member("id", name)
            json.member("display_name", name)
            json.member("created_at", "1970-01-01T00:00:00Z")
        }
    }

    var messagesObject: ByteBuffer {
        var json = JSONWriter()
        writeMessages(into: &json)
        return json.buffer
    }
}

/// Which part of a list a caller of Anthropic's dialect asks for: `limit` of its members, behind one of them or before it. Without `limit` all that
/// are there.
struct ListPage: Equatable {
    /// A page, and whether there is more in the direction in which the caller goes.
    struct Models {
        var listings: ArraySlice<ModelListing>
        var hasMore: Bool

        /// Anthropic's list.
        var messagesObject: ByteBuffer {
            var json = JSONWriter()
            json.object { json in
                json.key("data")
                json.array { json in
                    for listing in listings { listing.writeMessages(into: &json) }
                }
                json.member("has_more", hasMore)
                json.member("first_id", orNull: listings.first?.name)
                json.member("last_id", orNull: listings.last?.name)
            }
            return json.buffer
        }
    }

    private var limit = Int.max
    private var afterID: String?
    private var beforeID: String?

    /// What Anthropic's API takes.
    private static let limits = 1...1_000

    /// - Parameter query: of the target. What it says of other things is not looked at.
    init(_ query: String) throws(Fault) {
        for field in query.split(separator: "&") {
            let name = String(field.prefix { $0 != "=" })
            guard name == "limit" || name == "after_id" || name == "before_id" else { continue }
            guard let value = RouteTable.percentDecoded(field.dropFirst(name.utf8.count + 1)) else {
                throw .invalidField(name, "must be percent-encoded UTF-8")
            }
            switch name {
            case "after_id": afterID = value
            case "before_id": beforeID = value
            default:
                guard let number = Int(value), Self.limits.contains(number) else {
                    throw .invalidField("limit", "must be a whole number from 1 to 1000")
                }
                limit = number
            }
        }
        guard afterID == nil || beforeID == nil else { throw .invalidField("before_id", "must not stand beside `after_id`") }
    }

    func take(of all: [ModelListing]) throws(Fault) -> Models {
        func place(_ id: String, _ field: String) throws(Fault) -> Int {
            guard let place = all.firstIndex(where: { $0.name == id }) else { throw .invalidField(field, "names no model of this list") }
            return place
        }
        if let beforeID {
            let earlier = all[..<(try place(beforeID, "before_id"))]
            return Models(listings: earlier.suffix(limit), hasMore: earlier.count > limit)
        }
        let later = try afterID.map { id throws(Fault) in all[(try place(id, "after_id") + 1)...] } ?? all[...]
        return Models(listings: later.prefix(limit), hasMore: later.count > limit)
    }
}

extension [ModelListing] {
    var listObject: ByteBuffer {
        var json = JSONWriter()
        json.object { json in
            json.member("object", "list")
            json.key("data")
            json.array { json in
                for listing in self { listing.write(into: &json) }
            }
        }
        return json.buffer
    }
}

extension LedgerRecord {
    /// The receipt of a request: what it was, what it cost and where its time went.
    var receiptObject: ByteBuffer {
        var json = JSONWriter()
        json.object { json in
            json.member("id", summary.requestID.description)
            json.member("object", "receipt")
            json.member("outcome", outcome.rawValue)
            json.member("error", orNull: fault)
            json.member("received_at_ms", Int64(clamping: receivedUnixMilliseconds))
            json.member("tenant", tenant)
            json.member("department", orNull: department)
            json.member("user", orNull: user)
            json.member("key_id", keyID)
            json.member("end_user", orNull: endUser)
            json.member("caller_request_id", orNull: callerRequestID)
            json.member("requested_model", requestedModel)
            json.member("model", orNull: usedModel)
            json.member("provider", orNull: provider)
            json.member("route_reason", summary.routeReason)
            json.member("cache", summary.cache.name)
            json.member("attempts", Int64(clamping: summary.attempts))
            writeUsage(into: &json)
            writeScrubbed(into: &json)
            writeTimings(into: &json)
        }
        return json.buffer
    }

    private func writeUsage(into json: inout JSONWriter) {
        json.key("usage")
        json.object { json in
            json.member("input_tokens", Int64(clamping: summary.usage.input))
            json.member("cache_read_tokens", Int64(clamping: summary.usage.cacheRead))
            json.member("cache_write_tokens", Int64(clamping: summary.usage.cacheWrite))
            json.member("output_tokens", Int64(clamping: summary.usage.output))
            json.member("reasoning_tokens", Int64(clamping: summary.usage.reasoning))
            json.member("is_estimated", summary.isEstimated)
        }
        json.member("cost_usd", orNull: summary.costNanoUSD.map(HeaderText.dollars))
        json.member("price_version", orNull: summary.priceVersion)
        json.key("finish_reasons")
        json.array { json in
            for finish in summary.finishes { json.string(finish.providerReason) }
        }
    }

    private func writeScrubbed(into json: inout JSONWriter) {
        json.key("scrubbed")
        json.object { json in
            for count in summary.scrubbed {
                json.key(named: count.kind)
                json.int(Int64(clamping: count.count))
            }
        }
    }

    private func writeTimings(into json: inout JSONWriter) {
        json.key("timings_us")
        json.object { json in
            for phase in Phase.allCases {
                json.key(named: phase.name)
                json.int(Int64(summary.timings.microseconds(phase)))
            }
        }
        json.member("overhead_us", Int64(summary.timings.overheadMicroseconds))
    }
}
