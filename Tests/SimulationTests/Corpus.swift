import NIOCore
import SeededRandomness

/// Texts to cut requests and answers out of. Every four bytes are whole characters, so that any such slice is UTF-8.
enum Corpus {
    static let byteCount = 1_300_000

    static let compressible = make(["the ", "same", " wor", "dsñ", "漢,", "😀"], isRandom: false)
    static let incompressible = make(["ñé", "漢a", "b字", "😀", "🦜", "xé "], isRandom: true)

    static func slice(of corpus: ByteBuffer, byteCount: Int, random: inout SeededRandom) -> ByteBuffer {
        let length = min(byteCount & ~3, corpus.readableBytes)
        let start = random.number(0...corpus.readableBytes - length) & ~3
        return corpus.getSlice(at: corpus.readerIndex + start, length: length) ?? ByteBuffer()
    }

    private static func make(_ units: [String], isRandom: Bool) -> ByteBuffer {
        var random = SeededRandom(seed: 1)
        var buffer = ByteBuffer()
        var index = 0
        while buffer.readableBytes < byteCount {
            index += 1
            if isRandom, index.isMultiple(of: 2) {
                for _ in 0..<4 { buffer.writeInteger(UInt8(random.number(33...126))) }
            } else {
                buffer.writeString(isRandom ? random.pick(units) : units[index % units.count])
            }
        }
        return buffer
    }
}
