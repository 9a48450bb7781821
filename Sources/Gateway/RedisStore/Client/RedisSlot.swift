/// Redis Cluster's hash slots (its specification, "Key distribution model").
package enum RedisSlot {
    package static let count: UInt16 = 16_384

    /// - Returns: 0 to 16383: CRC16 of what stands between the first `{` and the next `}`, or of the whole key if there is no such thing.
    package static func of(_ key: String) -> UInt16 {
        var key = key
        return key.withUTF8 { bytes in
            if let open = bytes.firstIndex(of: UInt8(ascii: "{")),
                let close = bytes[(open + 1)...].firstIndex(of: UInt8(ascii: "}")), close > open + 1
            {
                return crc16(bytes[(open + 1)..<close]) % count
            }
            return crc16(bytes[...]) % count
        }
    }

    /// CRC16-XMODEM: polynomial 0x1021, start 0, nothing reflected.
    private static func crc16(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> UInt16 {
        bytes.reduce(0) { crc, byte in
            (0..<8).reduce(crc ^ UInt16(byte) << 8) { crc, _ in crc & 0x8000 == 0 ? crc << 1 : crc << 1 ^ 0x1021 }
        }
    }
}
