internal import COpenSSL

/// Random words that nobody can predict, from libcrypto's generator, which is asked for many at a time: a system call for each costs more than all else
/// that an id is made of. A word that was given out is wiped.
package struct BlockRandom: RandomNumberGenerator {
    private static let count = 64
    private var words: [UInt64]
    private var left = 0

    package init() {
        words = [UInt64](repeating: 0, count: Self.count)
    }

    package mutating func next() -> UInt64 {
        if left == 0 {
            let filled = words.withUnsafeMutableBytes { RAND_bytes($0.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32($0.count)) }
            // Without a source of random numbers no id and no seal is safe, and nothing mends it.
            precondition(filled == 1, "libcrypto has no random numbers")
            left = Self.count
        }
        left -= 1
        defer { words[left] = 0 }
        return words[left]
    }
}
