package import NIOCore

/// The reusable index of one JSON document: no tree, but an array of small nodes in document order, whose memory serves document after
/// document. Keep one per event loop.
///
/// The index knows offsets only. It is read together with the very bytes that it was made from:
///
/// ```swift
/// try index.scan(body)
/// let model = try index.read(body) { root throws(JSONFault) in try root.member("model")?.string }
/// ```
package struct JSONIndex: ~Copyable {
    private var tape: JSONTape
    /// Values and keys of the last document; 0 when there is none or it was refused.
    package private(set) var nodeCount = 0
    /// Length in bytes of the last document.
    package private(set) var documentLength = 0

    package init() { tape = JSONTape(capacity: JSONTape.initialCapacity) }

    deinit { tape.deallocate() }

    /// Checks a whole document and indexes it. What was indexed before is forgotten, whether or not this succeeds.
    ///
    /// Allocates only when the document has more values than any before it, up to `limits.maxNodes`.
    package mutating func scan(_ document: UnsafeRawBufferPointer, limits: JSONLimits = JSONLimits()) throws(JSONFault) {
        // Large documents in a row share one tape; the first ordinary one after them gives it back.
        let isOversized = tape.capacity > JSONTape.retainedCapacity && nodeCount <= JSONTape.retainedCapacity
        nodeCount = 0
        documentLength = document.count
        guard let base = document.baseAddress else { throw JSONFault(.unexpectedEnd, at: 0) }
        if isOversized {
            tape.deallocate()
            tape = JSONTape(capacity: JSONTape.initialCapacity)
        }
        var scanner = JSONScanner(document, base: base, limits: limits, tape: tape)
        defer { tape = scanner.tape }
        try scanner.scanDocument()
        nodeCount = scanner.count
    }

    /// Checks and indexes a buffer's readable bytes. Offsets in faults and ranges count from its reader index.
    package mutating func scan(_ document: ByteBuffer, limits: JSONLimits = JSONLimits()) throws(JSONFault) {
        try document.withUnsafeReadableBytes { (bytes) throws(JSONFault) in try scan(bytes, limits: limits) }
    }

    /// The document's value. It and all that is reached from it are valid only as long as `document`'s memory and this index are neither
    /// changed nor released.
    ///
    /// - Precondition: the last scan succeeded, and `document` are the bytes that it was given.
    package func root(of document: UnsafeRawBufferPointer) -> JSONValue {
        precondition(nodeCount > 0 && document.count == documentLength, "the index belongs to another document")
        guard let base = document.baseAddress else { preconditionFailure("an empty document has no index") }
        return JSONValue(nodes: UnsafePointer(tape.nodes), bytes: base, node: 0)
    }

    /// Reads the document that was last scanned. Values must not leave the closure; ranges, numbers and strings may.
    package func read<Result, Failure: Error>(
        _ document: ByteBuffer, _ body: (JSONValue) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try document.withUnsafeReadableBytes { (bytes) throws(Failure) in try body(root(of: bytes)) }
    }
}
