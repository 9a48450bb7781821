// Server-sent events, as providers send them: no cutting of a stream changes its events or its fault, and they are those of the HTML standard's own
// words (9.2.6), followed line by line.
//
// Input: a seed for the cuts, then the bytes of a stream.
import FuzzDriver
import NIOCore
import SSE

let limit = 200

/// What a stream comes to.
struct Reading: Equatable {
    var events: [[[UInt8]]] = []
    var fault: SSEFault?
}

func read(_ pieces: some Sequence<ArraySlice<UInt8>>) -> Reading {
    var parser = SSEParser(maxEventBytes: limit)
    var reading = Reading()
    for piece in pieces {
        parser.append(ByteBuffer(bytes: piece))
        do throws(SSEFault) {
            while let event = try parser.nextEvent() {
                precondition(event.name.readableBytes + event.data.readableBytes <= limit, "an event is longer than the limit")
                reading.events.append([Array(event.name.readableBytesView), Array(event.data.readableBytesView)])
            }
        } catch {
            precondition(reading.fault == nil || reading.fault == error, "a fault has changed")
            reading.fault = error
        }
    }
    return reading
}

/// The standard's steps, over the whole stream at once.
func reference(_ bytes: [UInt8]) -> [[[UInt8]]] {
    var rest = bytes[...]
    if rest.starts(with: [0xEF, 0xBB, 0xBF]) { rest = rest.dropFirst(3) }
    var events: [[[UInt8]]] = []
    var name: [UInt8] = []
    var data: [UInt8]?
    while let end = rest.firstIndex(where: { $0 == 0x0A || $0 == 0x0D }) {
        let line = rest[..<end]
        let isPair = rest[end] == 0x0D && rest[(end + 1)...].first == 0x0A
        rest = rest[(end + (isPair ? 2 : 1))...]
        guard !line.isEmpty else {
            if let data { events.append([name, data]) }
            (name, data) = ([], nil)
            continue
        }
        let colon = line.firstIndex(of: UInt8(ascii: ":"))
        let field = line[..<(colon ?? line.endIndex)]
        var value = colon.map { line[($0 + 1)...] } ?? []
        if value.first == 0x20 { value = value.dropFirst() }
        if field.elementsEqual("data".utf8) { data = (data.map { $0 + [0x0A] } ?? []) + value }
        if field.elementsEqual("event".utf8) { name = Array(value) }
    }
    return events
}

fuzz { bytes in
    var input = Input(bytes)
    let seed = input.byte()
    let all = [UInt8](input.rest)
    let whole = read([all[...]])
    precondition(read(Chunks(all, seed: seed)) == whole, "cutting changed the events")
    let isPlain = all.allSatisfy { $0 >= 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
    guard isPlain, all.count <= limit else {
        precondition(whole.fault != nil || !isPlain || all.count > limit)
        return
    }
    precondition(whole == Reading(events: reference(all)), "the events are not the standard's")
}
