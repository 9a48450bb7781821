import GatewayCore
import GatewayPipeline
import NIOCore
import Wire
import WireTransport

/// One stream of a connection: tells the pipeline's answer in frames.
final class WireExchange: AnswerReceiver {
    private let stream: StreamID
    private let isStreamed: Bool
    private let handler: WireServerHandler
    private let ended: () -> Void
    private var exchange: Exchange?
    /// The item numbers of this stream: in the order in which items first appear within their choice.
    private var items: [AnswerItemKey] = []

    init(stream: StreamID, isStreamed: Bool, handler: WireServerHandler, ended: @escaping () -> Void) {
        self.stream = stream
        self.isStreamed = isStreamed
        self.handler = handler
        self.ended = ended
    }

    func start(_ exchange: Exchange) {
        self.exchange = exchange
        exchange.start()
    }

    func cancel() {
        exchange?.cancel()
        exchange = nil
    }

    /// The client has read what was queued for it.
    func resume() {
        exchange?.resume()
    }

    // MARK: AnswerReceiver

    func answerBegan(_ head: AnswerHead) {
        let id = Text(head.requestID.description)
        let begin = Begin(
            responseID: id, model: Text(head.model), provider: Text(head.provider), cache: Wire.CacheStatus(head.cache), requestID: id,
            created: head.createdUnixSeconds)
        handler.perform { $0.sendBegin(begin, on: stream) }
    }

    func answerReceived(_ chunk: AnswerChunk) {
        guard isStreamed else { return tellWhole(chunk) }
        let isWritable = handler.perform { connection in
            for fragment in chunk.fragments where fragment.key.kind != .aside { send(fragment, &connection) }
            return connection.isWritable(stream)
        }
        if !isWritable { exchange?.pause() }
    }

    func answerEnded(_ summary: AnswerSummary) {
        let end = End(summary)
        handler.perform { $0.sendEnd(end, on: stream) }
        finish()
    }

    func answerFailed(_ fault: Fault, summary: AnswerSummary) {
        let error = ErrorBody(fault, requestID: summary.requestID)
        handler.perform { $0.sendError(error, on: stream, discardingQueued: Self.overtakes(fault.kind)) }
        finish()
    }

    /// Of a time that has run out, or of a right that has ended, the client hears at once, also if it gives no credit for what waits.
    private static func overtakes(_ kind: FaultKind) -> Bool {
        switch kind {
        case .deadlineExceeded, .draining, .unauthenticated, .tenantPaused, .wrongRegion, .trafficStopped: true
        default: false
        }
    }

    private func finish() {
        exchange = nil
        ended()
    }

    // MARK: frames

    private func send(_ fragment: AnswerFragment, _ connection: inout ServerConnection) {
        let item = number(of: fragment.key)
        guard fragment.text.readableBytes > 0 || fragment.callID != nil || fragment.name != nil else { return }
        connection.sendDelta(
            Delta(
                choice: UInt32(clamping: fragment.key.choice), item: item, kind: ItemKind(fragment.key.kind),
                id: fragment.callID.map { Text($0) } ?? Text(), name: Text(name: fragment), data: fragment.text),
            on: stream)
    }

    private func number(of key: AnswerItemKey) -> UInt32 {
        var number: UInt32 = 0
        for item in items where item.choice == key.choice {
            if item == key { return number }
            number += 1
        }
        items.append(key)
        return number
    }

    private func tellWhole(_ chunk: AnswerChunk) {
        var choices: [Choice] = []
        for fragment in chunk.fragments where fragment.key.kind != .aside {
            let index = UInt32(clamping: fragment.key.choice)
            let item = Item(
                kind: ItemKind(fragment.key.kind), id: fragment.callID.map { Text($0) } ?? Text(),
                name: Text(name: fragment), data: fragment.text)
            if let position = choices.firstIndex(where: { $0.index == index }) {
                choices[position].items.append(item)
            } else {
                choices.append(Choice(index: index, items: [item]))
            }
        }
        for finish in chunk.finishes where !choices.contains(where: { $0.index == UInt32(clamping: finish.choice) }) {
            choices.append(Choice(index: UInt32(clamping: finish.choice)))
        }
        let result = ResultBody(.chat(ChatResult(choices: choices)))
        handler.perform { $0.sendResult(result, on: stream) }
    }
}

extension Text {
    /// What the schema calls a fragment: a tool call by its function, a block by its provider's dialect and its type.
    fileprivate init(name fragment: AnswerFragment) {
        guard let name = fragment.name else {
            self.init()
            return
        }
        self.init(fragment.key.kind == .block ? ChatTranslation.name(ofBlock: fragment, name) : name)
    }
}
