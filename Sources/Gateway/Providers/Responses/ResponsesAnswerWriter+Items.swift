import GatewayCore
import GatewayJSON
import NIOCore

// The items of a response, and the events that tell them.
extension ResponsesAnswerWriter {
    mutating func write(_ fragment: AnswerFragment, _ logprobs: ResponsesLogprobs, _ output: inout ByteBuffer) throws(Fault) {
        switch fragment.key.kind {
        case .text, .refusal: writeText(fragment, logprobs, &output)
        case .reasoning: writeReasoning(fragment, &output)
        case .toolCall: try writeCall(fragment, &output)
        case .block: writeSeal(fragment, &output)
        case .aside: break
        }
    }

    /// Puts an item behind the others. Calls are announced by their names; before anything else is put here the items are closed.
    private mutating func add(_ key: AnswerItemKey, _ content: ResponsesItem.Content, _ output: inout ByteBuffer) -> Int {
        let isCall = if case .call = content { true } else { false }
        let item = ResponsesItem(key, place: items.count, content, state: isCall ? .unannounced : .open, suffix: suffix)
        items.append(item)
        pieces += 1
        if !isCall { announce(item.place, &output) }
        return item.place
    }

    private mutating func announce(_ place: Int, _ output: inout ByteBuffer) {
        items[place].state = .open
        if case .call(_, let name?, _, _) = items[place].content { items[place].isCustom = echo.customTools.contains(name) }
        event("response.output_item.added", &output) { response, json in
            json.member("output_index", Int64(place))
            json.key("item")
            response.items[place].write(isNew: true, &json)
        }
        if case .call(_, _, let arguments, _) = items[place].content { writeArguments(arguments, of: place, &output) }
    }

    /// Announces calls up to the first without a name: clients count items by their announcements, and the name says what kind of item it is.
    private mutating func announceNamedCalls(_ output: inout ByteBuffer) {
        for place in items.indices where items[place].state == .unannounced {
            guard case .call(_, _?, _, _) = items[place].content else { return }
            announce(place, &output)
        }
    }

    /// Appends an event about an item.
    private mutating func event(
        _ type: StaticString, of place: Int, _ output: inout ByteBuffer, _ content: (inout JSONWriter) -> Void
    ) {
        event(type, &output) { response, json in
            json.member("item_id", response.items[place].id)
            json.member("output_index", Int64(place))
            content(&json)
        }
    }

    // MARK: texts

    private mutating func writeText(_ fragment: AnswerFragment, _ logprobs: ResponsesLogprobs, _ output: inout ByteBuffer) {
        guard fragment.text.readableBytes > 0 else { return }
        let isRefusal = fragment.key.kind == .refusal
        var place = items.indices.last ?? -1
        var parts: [ResponsesItem.Part] = []
        if let last = items.last, last.isOpen, case .message(let told) = last.content {
            parts = told
        } else {
            closeItems(&output)
            place = add(fragment.key, .message([]), &output)
        }
        // Taken out while its text grows, so that it has one owner.
        items[place].content = .message([])
        if parts.last?.isRefusal != isRefusal {
            if let part = parts.last { close(part, parts.count - 1, of: place, &output) }
            parts.append(ResponsesItem.Part(isRefusal: isRefusal, text: ByteBuffer()))
            pieces += 1
            event("response.content_part.added", of: place, &output) { json in
                json.member("content_index", Int64(parts.count - 1))
                json.key("part")
                ResponsesItem.Part(isRefusal: isRefusal, text: ByteBuffer()).write(&json)
            }
        }
        parts[parts.count - 1].text.writeImmutableBuffer(fragment.text)
        parts[parts.count - 1].logprobs.append(logprobs)
        let number = parts.count - 1
        items[place].content = .message(parts)
        event(isRefusal ? "response.refusal.delta" : "response.output_text.delta", of: place, &output) { json in
            json.member("content_index", Int64(number))
            json.key("delta")
            json.string(fragment.text)
            if !isRefusal { logprobs.write(into: &json) }
        }
    }

    private mutating func close(_ part: ResponsesItem.Part, _ number: Int, of place: Int, _ output: inout ByteBuffer) {
        event(part.isRefusal ? "response.refusal.done" : "response.output_text.done", of: place, &output) { json in
            json.member("content_index", Int64(number))
            json.key(part.isRefusal ? "refusal" : "text")
            json.string(part.text)
            if !part.isRefusal { part.logprobs.write(into: &json) }
        }
        event("response.content_part.done", of: place, &output) { json in
            json.member("content_index", Int64(number))
            json.key("part")
            part.write(&json)
        }
    }

    // MARK: reasoning

    private mutating func writeReasoning(_ fragment: AnswerFragment, _ output: inout ByteBuffer) {
        guard fragment.text.readableBytes > 0 else { return }
        var place = items.indices.last ?? -1
        var text = ByteBuffer()
        if let last = items.last, last.isOpen, last.key == fragment.key, case .reasoning(let told, _) = last.content {
            text = told
        } else {
            closeItems(&output)
            place = add(fragment.key, .reasoning(ByteBuffer(), seal: nil), &output)
            event("response.reasoning_summary_part.added", of: place, &output) { json in
                json.member("summary_index", Int64(0))
                json.key("part")
                ResponsesItem.write(summary: ByteBuffer(), &json)
            }
        }
        items[place].content = .reasoning(ByteBuffer(), seal: nil)
        text.writeImmutableBuffer(fragment.text)
        items[place].content = .reasoning(text, seal: nil)
        event("response.reasoning_summary_text.delta", of: place, &output) { json in
            json.member("summary_index", Int64(0))
            json.key("delta")
            json.string(fragment.text)
        }
    }

    /// A block repeats what the reasoning before it said: its seal is what is new.
    private mutating func writeSeal(_ fragment: AnswerFragment, _ output: inout ByteBuffer) {
        guard let seal = ResponsesSeal.seal(of: fragment.text) else { return }
        if let last = items.last, last.isOpen, last.key.index == fragment.key.index, case .reasoning(let text, nil) = last.content {
            items[last.place].content = .reasoning(text, seal: seal)
        } else {
            closeItems(&output)
            _ = add(fragment.key, .reasoning(ByteBuffer(), seal: seal), &output)
        }
        closeItems(&output)
    }

    // MARK: calls

    private mutating func writeCall(_ fragment: AnswerFragment, _ output: inout ByteBuffer) throws(Fault) {
        let place: Int
        if let known = items.lastIndex(where: { $0.key == fragment.key }) {
            guard items[known].isOpen else {
                // Empty pieces behind the end say nothing.
                guard fragment.text.readableBytes > 0 else { return }
                throw .unreadableAnswer("a tool call in it goes on behind its end")
            }
            place = known
        } else {
            closeItems(&output, before: .toolCall)
            place = add(
                fragment.key, .call(id: fragment.callID, name: fragment.name, arguments: ByteBuffer(), balance: JSONBalance()), &output)
        }
        guard case .call(let id, let name, var arguments, var balance) = items[place].content else { return }
        items[place].content = .message([])
        arguments.writeImmutableBuffer(fragment.text)
        balance.take(fragment.text)
        items[place].content = .call(id: id ?? fragment.callID, name: name ?? fragment.name, arguments: arguments, balance: balance)
        if items[place].state == .unannounced {
            announceNamedCalls(&output)
        } else {
            writeArguments(fragment.text, of: place, &output)
        }
    }

    private mutating func writeArguments(_ text: ByteBuffer, of place: Int, _ output: inout ByteBuffer) {
        // The text that a custom tool takes is read of the whole arguments.
        guard text.readableBytes > 0, !items[place].isCustom else { return }
        event("response.function_call_arguments.delta", of: place, &output) { json in
            json.key("delta")
            json.string(text)
        }
    }

    // MARK: the end of items

    /// Ends the items that are open.
    ///
    /// - Parameters:
    ///   - kind: of the item that comes next: calls whose arguments are not whole, or that are not announced yet, may go on beside another call.
    ///   - isLast: nothing comes behind them: where the answer was cut, it was in the last one.
    mutating func closeItems(_ output: inout ByteBuffer, before kind: AnswerItemKind? = nil, isLast: Bool = false) {
        for place in items.indices where items[place].isOpen {
            if kind == .toolCall, case .call(_, _, _, let balance) = items[place].content,
                !balance.isWhole || items[place].state == .unannounced
            {
                continue
            }
            close(place, isCut: isLast && isIncomplete && place == items.count - 1, &output)
        }
    }

    private mutating func close(_ place: Int, isCut: Bool, _ output: inout ByteBuffer) {
        switch items[place].content {
        case .message(let parts):
            if let part = parts.last { close(part, parts.count - 1, of: place, &output) }
        case .reasoning(let text, _):
            if text.readableBytes > 0 { closeSummary(text, of: place, &output) }
        case .call(_, let name, let arguments, _):
            if items[place].state == .unannounced { announce(place, &output) }
            if items[place].isCustom { return closeCustom(ResponsesCustomTool.input(of: arguments), place, isCut: isCut, &output) }
            event("response.function_call_arguments.done", of: place, &output) { json in
                json.member("name", name ?? "")
                json.key("arguments")
                json.string(arguments)
            }
        }
        end(place, isCut: isCut, &output)
    }

    private mutating func closeCustom(_ input: ByteBuffer, _ place: Int, isCut: Bool, _ output: inout ByteBuffer) {
        if input.readableBytes > 0 {
            event("response.custom_tool_call_input.delta", of: place, &output) { json in
                json.key("delta")
                json.string(input)
            }
        }
        event("response.custom_tool_call_input.done", of: place, &output) { json in
            json.key("input")
            json.string(input)
        }
        end(place, isCut: isCut, &output)
    }

    private mutating func end(_ place: Int, isCut: Bool, _ output: inout ByteBuffer) {
        items[place].state = isCut ? .incomplete : .completed
        event("response.output_item.done", &output) { response, json in
            json.member("output_index", Int64(place))
            json.key("item")
            response.items[place].write(&json)
        }
    }

    private mutating func closeSummary(_ text: ByteBuffer, of place: Int, _ output: inout ByteBuffer) {
        event("response.reasoning_summary_text.done", of: place, &output) { json in
            json.member("summary_index", Int64(0))
            json.key("text")
            json.string(text)
        }
        event("response.reasoning_summary_part.done", of: place, &output) { json in
            json.member("summary_index", Int64(0))
            json.key("part")
            ResponsesItem.write(summary: text, &json)
        }
    }
}
