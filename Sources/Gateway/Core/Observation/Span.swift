import GatewayJSON
package import NIOCore

/// A finished span, without any text of a request or an answer.
package struct Span: Sendable, Equatable {
    /// OpenTelemetry's numbers.
    package enum Kind: Int64, Sendable {
        case server = 2
        case client = 3
    }

    package enum Value: Sendable, Equatable {
        case text(String)
        case integer(Int64)
        case number(Double)
    }

    package struct Attribute: Sendable, Equatable {
        package var name: String
        package var value: Value

        package init(_ name: String, _ value: Value) { (self.name, self.value) = (name, value) }
    }

    package var context: TraceContext
    /// Zero: it has none.
    package var parent: UInt64
    package var state: String?
    package var name: String
    package var kind: Kind
    /// Nanoseconds since 1970.
    package var start: UInt64
    package var end: UInt64
    package var attributes: [Attribute]
    /// Why it failed, in one word; `nil`: it did not.
    package var error: String?

    package init(
        context: TraceContext, parent: UInt64, state: String? = nil, name: String, kind: Kind, start: UInt64, end: UInt64,
        attributes: [Attribute], error: String? = nil
    ) {
        self.context = context
        self.parent = parent
        self.state = state
        self.name = name
        self.kind = kind
        self.start = start
        self.end = end
        self.attributes = attributes
        self.error = error
    }
}

/// Spans in the JSON form of OTLP (`ExportTraceServiceRequest` of opentelemetry-proto 1.x): ids in hexadecimal, 64-bit integers as strings.
package enum SpanExport {
    /// - Parameter resource: what all of them are of.
    package static func body(_ spans: [Span], of resource: [Span.Attribute], scopeVersion: String) -> ByteBuffer {
        var json = JSONWriter()
        json.object { json in
            json.key("resourceSpans")
            json.array { json in
                json.object { json in
                    json.key("resource")
                    json.object { json in write(resource, &json) }
                    json.key("scopeSpans")
                    json.array { json in
                        json.object { json in
                            json.key("scope")
                            json.object { json in
                                json.member("name", "agentshield")
                                json.member("version", scopeVersion)
                            }
                            json.key("spans")
                            json.array { json in
                                for span in spans { write(span, &json) }
                            }
                        }
                    }
                }
            }
        }
        return json.buffer
    }

    /// How many spans the collector says that it refused of those that it took (OTLP's `partialSuccess`); 0 where its answer says nothing of the kind.
    package static func rejectedSpans(in answer: ByteBuffer) -> Int {
        answer.withUnsafeReadableBytes { bytes in
            var index = JSONIndex()
            guard (try? index.scan(bytes)) != nil, let partial = try? index.root(of: bytes).member("partialSuccess"),
                let count = try? partial.member("rejectedSpans")
            else { return 0 }
            // OTLP's JSON writes a 64-bit number as a string; collectors are to be read either way.
            return max(0, Int(clamping: count.int ?? count.string.flatMap { Int64($0) } ?? 0))
        }
    }

    private static func write(_ span: Span, _ json: inout JSONWriter) {
        json.object { json in
            json.member("traceId", span.context.trace.text)
            json.member("spanId", TraceContext.hexadecimal(span.context.span, digits: 16))
            if span.parent != 0 { json.member("parentSpanId", TraceContext.hexadecimal(span.parent, digits: 16)) }
            if let state = span.state { json.member("traceState", state) }
            // Sampled.
            json.member("flags", Int64(1))
            json.member("name", span.name)
            json.member("kind", span.kind.rawValue)
            json.member("startTimeUnixNano", String(span.start))
            json.member("endTimeUnixNano", String(span.end))
            write(span.attributes + (span.error.map { [Span.Attribute("error.type", .text($0))] } ?? []), &json)
            guard span.error != nil else { return }
            json.key("status")
            // STATUS_CODE_ERROR.
            json.object { json in json.member("code", Int64(2)) }
        }
    }

    private static func write(_ attributes: [Span.Attribute], _ json: inout JSONWriter) {
        json.key("attributes")
        json.array { json in
            for attribute in attributes {
                json.object { json in
                    json.member("key", attribute.name)
                    json.key("value")
                    json.object { json in
                        switch attribute.value {
                        case .text(let text): json.member("stringValue", text)
                        case .integer(let number): json.member("intValue", String(number))
                        case .number(let number):
                            json.key("doubleValue")
                            json.double(number)
                        }
                    }
                }
            }
        }
    }
}
