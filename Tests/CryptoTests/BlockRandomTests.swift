import Testing

@testable import GatewayCrypto

@Suite("random words")
struct BlockRandomTests {
    @Test("no word comes twice, over many blocks and from two sources")
    func distinct() {
        var (one, other) = (BlockRandom(), BlockRandom())
        let words = (0..<1_000).flatMap { _ in [one.next() as UInt64, other.next() as UInt64] }
        #expect(Set(words).count == 2_000 && !words.contains(0))
        // Each bit is set about half of the time: 9 deviations to either side.
        for bit in 0..<64 { #expect((800...1_200).contains(words.count { $0 >> UInt64(bit) & 1 == 1 })) }
    }
}
