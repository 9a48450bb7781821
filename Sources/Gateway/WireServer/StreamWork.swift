import GatewayCore
import GatewayPipeline
import NIOCore
import Wire

/// What is done for one stream of a connection. Confined to the connection's event loop.
protocol StreamWork: AnyObject {
    /// The client has read what was queued for it.
    func resume()
    /// The client wants no more of it.
    func cancel()
    /// The connection ended, and nobody said so.
    func connectionLost()
}

/// Numbers the items of a stream in the order in which they first appear within their choice.
struct ItemNumbers {
    private var items: [AnswerItemKey] = []

    /// - Returns: `nil`: there is nothing in the fragment that a client would miss.
    mutating func delta(of fragment: AnswerFragment) -> Delta? {
        guard fragment.key.kind != .aside else { return nil }
        let item = number(of: fragment.key)
        guard fragment.text.readableBytes > 0 || fragment.callID != nil || fragment.name != nil else { return nil }
        return Delta(
            choice: UInt32(clamping: fragment.key.choice), item: item, kind: ItemKind(fragment.key.kind),
            id: fragment.callID.map { Text($0) } ?? Text(), name: Text(name: fragment), data: fragment.text)
    }

    private mutating func number(of key: AnswerItemKey) -> UInt32 {
        var number: UInt32 = 0
        for item in items where item.choice == key.choice {
            if item == key { return number }
            number += 1
        }
        items.append(key)
        return number
    }
}

extension Text {
    /// What the schema calls a fragment: a tool call by its function, a block by its provider's dialect and its type.
    init(name fragment: AnswerFragment) {
        guard let name = fragment.name else {
            self.init()
            return
        }
        self.init(fragment.key.kind == .block ? ChatTranslation.name(ofBlock: fragment, name) : name)
    }
}

extension Begin {
    init(_ head: AnswerHead) {
        let id = Text(head.requestID.description)
        self.init(
            responseID: id, model: Text(head.model), provider: Text(head.provider), cache: Wire.CacheStatus(head.cache), requestID: id,
            created: head.createdUnixSeconds)
    }
}

extension FaultKind {
    /// Of a time that has run out, or of a right that has ended, the client hears at once, also if it gives no credit for what waits.
    var overtakesAnswers: Bool {
        switch self {
        case .deadlineExceeded, .draining, .unauthenticated, .tenantPaused, .wrongRegion, .trafficStopped: true
        default: false
        }
    }
}
