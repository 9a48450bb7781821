/// Makes a whole answer of a streamed one's events.
struct AnswerAccumulator {
    private struct ItemKey: Hashable {
        var choice: Int
        var item: Int
    }

    private let maxBytes: Int
    private var byteCount = 0
    private var head = AnswerHead()
    private var choices: [Int: ChatAnswer.Choice] = [:]
    private var toolCallPositions: [ItemKey: Int] = [:]
    private var blockPositions: [ItemKey: Int] = [:]

    init(maxBytes: Int) {
        self.maxBytes = maxBytes
    }

    /// - Returns: the answer, with the last event.
    /// - Throws: ``AgentShieldError/Code/answerTooLarge`` over the bound.
    mutating func add(_ event: ChatEvent) throws(AgentShieldError) -> ChatAnswer? {
        switch event {
        case .begin(let head): self.head = head
        case .text(let text, let choice):
            try count(text.utf8.count)
            self[choice].text += text
        case .reasoning(let text, let choice):
            try count(text.utf8.count)
            self[choice].reasoning += text
        case .refusal(let text, let choice):
            try count(text.utf8.count)
            self[choice].refusal += text
        case .toolCall(let delta): try add(delta)
        case .providerBlock(let delta): try add(delta)
        case .finish(let summary): return answer(summary)
        }
        return nil
    }

    private mutating func add(_ delta: ToolCallDelta) throws(AgentShieldError) {
        // The least that a call takes is counted too, so that empty ones are bounded.
        try count(delta.arguments.utf8.count + delta.id.utf8.count + delta.name.utf8.count + 16)
        let key = ItemKey(choice: delta.choice, item: delta.item)
        if let position = toolCallPositions[key] {
            self[delta.choice].toolCalls[position].arguments += delta.arguments
        } else {
            toolCallPositions[key] = self[delta.choice].toolCalls.count
            self[delta.choice].toolCalls.append(ToolCall(id: delta.id, name: delta.name, arguments: delta.arguments))
        }
    }

    private mutating func add(_ delta: ProviderBlockDelta) throws(AgentShieldError) {
        try count(delta.data.count + delta.name.utf8.count + 16)
        let key = ItemKey(choice: delta.choice, item: delta.item)
        if let position = blockPositions[key] {
            self[delta.choice].providerBlocks[position].data += delta.data
        } else {
            blockPositions[key] = self[delta.choice].providerBlocks.count
            self[delta.choice].providerBlocks.append(ProviderBlock(name: delta.name, data: delta.data))
        }
    }

    private mutating func count(_ bytes: Int) throws(AgentShieldError) {
        byteCount += bytes
        guard byteCount <= maxBytes else {
            throw AgentShieldError(.answerTooLarge, "the answer is longer than \(maxBytes) bytes")
        }
    }

    private subscript(index: Int) -> ChatAnswer.Choice {
        get { choices[index] ?? ChatAnswer.Choice(index: index) }
        _modify {
            yield &choices[index, default: ChatAnswer.Choice(index: index)]
        }
    }

    private mutating func answer(_ summary: AnswerSummary) -> ChatAnswer {
        ChatAnswer(head: head, choices: Array(choices.values), summary: summary).completed()
    }
}

extension ProviderBlock {
    /// - Parameter name: `provider/type`.
    init(name: String, data: [UInt8]) {
        let halves = name.split(separator: "/", maxSplits: 1)
        self.init(provider: halves.first.map(String.init) ?? "", type: halves.dropFirst().first.map(String.init) ?? "", data: data)
    }
}

extension ChatAnswer {
    /// The same with its choices in order, each with its finish.
    func completed() -> ChatAnswer {
        var answer = self
        for finish in summary.finishes where !answer.choices.contains(where: { $0.index == finish.choice }) {
            answer.choices.append(Choice(index: finish.choice))
        }
        if answer.choices.isEmpty { answer.choices.append(Choice()) }
        answer.choices.sort { $0.index < $1.index }
        for position in answer.choices.indices {
            answer.choices[position].finish = summary.finishes.first { $0.choice == answer.choices[position].index }
        }
        return answer
    }
}
