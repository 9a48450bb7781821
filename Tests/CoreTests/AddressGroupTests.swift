import GatewayCore
import Testing

@Suite struct AddressGroupTests {
    private func ipv6(_ high: [UInt8], _ low: [UInt8]) -> [UInt8] { high + low }
    private let network: [UInt8] = [0x20, 0x01, 0x0D, 0xB8, 0, 1, 0, 2]

    @Test("an address of IPv4 is a client of its own, however it is written; a /64 of IPv6 is one")
    func groups() throws {
        let one = try #require(AddressGroup(bytes: [192, 0, 2, 1]))
        #expect(one == AddressGroup(bytes: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 192, 0, 2, 1]))
        #expect(one != AddressGroup(bytes: [192, 0, 2, 2]))
        let six = try #require(AddressGroup(bytes: ipv6(network, [0, 0, 0, 0, 0, 0, 0, 1])))
        #expect(six == AddressGroup(bytes: ipv6(network, [9, 8, 7, 6, 5, 4, 3, 2])))
        #expect(six != AddressGroup(bytes: ipv6([0x20, 0x01, 0x0D, 0xB8, 0, 1, 0, 3], [0, 0, 0, 0, 0, 0, 0, 1])))
        #expect(AddressGroup(bytes: []) == nil && AddressGroup(bytes: [1, 2, 3]) == nil)
    }
}
