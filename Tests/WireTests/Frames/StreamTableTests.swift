import Testing
import Wire

@Suite("Stream table")
struct StreamTableTests {
    @Test("holds what a dictionary holds, whatever numbers come and go", arguments: [1, 2, 4_096, 0x1000_0000])
    func likeADictionary(step: UInt32) {
        var table = StreamTable<UInt32>()
        var dictionary: [StreamID: UInt32] = [:]
        var state: UInt32 = step
        for round in UInt32(0)..<4_000 {
            state = state &* 1_664_525 &+ 1_013_904_223
            let id = StreamID(rawValue: (state >> 20) % 400 &* step &+ 1)
            switch state >> 8 & 3 {
            case 0 where dictionary[id] == nil:
                table.insert(round, for: id)
                dictionary[id] = round
            case 1:
                let removed = table.remove(id)
                #expect(removed == dictionary.removeValue(forKey: id))
            case 2:
                table.update(id) { $0 += 1 }
                dictionary[id]? += 1
            default: #expect(table[id] == dictionary[id])
            }
            #expect(table.count == dictionary.count)
        }
        #expect(table.ids == dictionary.keys.sorted() && !table.isEmpty)
        for id in table.ids { #expect(table[id] == dictionary[id]) }
        for id in table.ids { table.remove(id) }
        #expect(table.isEmpty && table.ids.isEmpty)
    }
}
