/// Whether bytes are UTF-8 as of RFC 3629: shortest form, no surrogates, nothing above U+10FFFF.
///
/// ASCII is passed over eight bytes at a time, the rest one scalar at a time. `index` never passes `bytes.count`, so that its
/// arithmetic cannot overflow.
func isValidUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var index = 0
    while index < bytes.count {
        if bytes.count &- index >= 8 {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let highBits = word & 0x8080_8080_8080_8080
            guard highBits != 0 else {
                index &+= 8
                continue
            }
            index &+= highBits.trailingZeroBitCount / 8
        }
        guard let length = scalarLength(bytes, at: index) else { return false }
        index &+= length
    }
    return true
}

/// How many bytes the scalar that starts at `index` has; `nil` if no valid one does. `index` is inside of `bytes`.
private func scalarLength(_ bytes: UnsafeRawBufferPointer, at index: Int) -> Int? {
    let first = bytes[index]
    if first < 0x80 { return 1 }

    // The second byte's range is what rules out overlong forms, surrogates and scalars above U+10FFFF.
    let length: Int
    let second: ClosedRange<UInt8>
    switch first {
    case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
    case 0xE0: (length, second) = (3, 0xA0...0xBF)
    case 0xE1...0xEC, 0xEE, 0xEF: (length, second) = (3, 0x80...0xBF)
    case 0xED: (length, second) = (3, 0x80...0x9F)
    case 0xF0: (length, second) = (4, 0x90...0xBF)
    case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
    case 0xF4: (length, second) = (4, 0x80...0x8F)
    default: return nil
    }
    guard bytes.count - index >= length, second.contains(bytes[index + 1]) else { return nil }
    for offset in 2..<max(length, 2) where bytes[index + offset] & 0xC0 != 0x80 { return nil }
    return length
}
