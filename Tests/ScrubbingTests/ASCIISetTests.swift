import Testing

@testable import Scrubbing

@Suite("Sets of ASCII bytes")
struct ASCIISetTests {
    @Test(
        "each set has the bytes that its name says, and no others",
        arguments: [
            (ASCIISet.alphanumeric, digits + capitals + small), (.digits, digits), (.token, digits + capitals + small + "_-"),
            (.hex, digits + "abcdefABCDEF"),
            (.upper, digits + capitals), (.lower, digits + small), (.base64, digits + capitals + small + "+/="),
            (.percent, digits + capitals + small + "%"), (.dotted, digits + capitals + small + "_-.~="),
            (.tokenSign, digits + capitals + small + "_-.~=/+"), (.joint, ".:/#@ "),
            (.tokenLead, digits + capitals + small + "_-.~=/+:|$}"),
        ])
    func members(_ set: ASCIISet, _ expected: String) {
        let members = (UInt8.min...UInt8.max).filter { set.contains($0) }
        #expect(members == Array(expected.utf8).sorted())
    }

    private static let digits = "0123456789"
    private static let capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    private static let small = "abcdefghijklmnopqrstuvwxyz"
}
