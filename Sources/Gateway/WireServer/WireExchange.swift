import GatewayCore
import GatewayPipeline
import NIOCore
import Wire
import WireTransport

/// One stream of a connection: tells the pipeline's answer in frames.
final class WireExchange: AnswerReceiver, StreamWork {
    /// How an answer is told.
    enum Form {
        case deltas
        /// As a RESULT.
        case chat
        /// As a RESULT, too.
        case embeddings
    }

    private let stream: StreamID
    private let form: Form
    private let handler: WireServerHandler
    private let ended: () -> Void
    private var exchange: Exchange?
    private var items = ItemNumbers()
    /// Why the answer could not be told.
    private var unreadable: Fault?

    init(stream: StreamID, form: Form, handler: WireServerHandler, ended: @escaping () -> Void) {
        self.stream = stream
        self.form = form
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

    func connectionLost() { cancel() }

    func resume() {
        exchange?.resume()
    }

    // MARK: AnswerReceiver

    func answerBegan(_ head: AnswerHead) {
        let begin = Begin(head)
        handler.perform { $0.sendBegin(begin, on: stream) }
    }

    func answerReceived(_ chunk: AnswerChunk) {
        switch form {
        case .deltas: tell(chunk)
        case .chat: tellWhole(chunk)
        case .embeddings: tellEmbeddings(chunk)
        }
    }

    private func tell(_ chunk: AnswerChunk) {
        let isWritable = handler.perform { connection in
            for fragment in chunk.fragments {
                if let delta = items.delta(of: fragment) { connection.sendDelta(delta, on: stream) }
            }
            return connection.isWritable(stream)
        }
        if !isWritable { exchange?.pause() }
    }

    func answerEnded(_ summary: AnswerSummary) {
        if let unreadable { return answerFailed(unreadable, summary: summary) }
        let end = End(summary)
        handler.perform { $0.sendEnd(end, on: stream) }
        finish()
    }

    func answerFailed(_ fault: Fault, summary: AnswerSummary) {
        let error = ErrorBody(fault, requestID: summary.requestID)
        handler.perform { $0.sendError(error, on: stream, discardingQueued: fault.kind.overtakesAnswers) }
        finish()
    }

    private func finish() {
        exchange = nil
        ended()
    }

    // MARK: frames

    private func tellEmbeddings(_ chunk: AnswerChunk) {
        do throws(Fault) {
            let result = ResultBody(.embeddings(try EmbeddingsTranslation.result(of: chunk.raw)))
            handler.perform { $0.sendResult(result, on: stream) }
        } catch {
            unreadable = error
        }
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
