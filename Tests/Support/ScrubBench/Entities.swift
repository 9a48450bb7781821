import SeededRandomness

/// Sentences with one entity each, valid by its check digits, as people and programs write them.
enum Entities {
    static func sentence(_ random: inout SeededRandom) -> String {
        let value: (String, String)
        switch random.number(0...15) {
        case 0, 1, 2: value = (random.pick(["Write to ", "Mi correo es ", "cc: "]), email(&random))
        case 3, 4: value = (random.pick(["Call me at ", "Mi móvil: ", "whatsapp "]), phone(&random))
        case 5: value = ("My card is ", card(&random))
        case 6: value = ("Transfer it to ", iban(&random))
        case 7: value = ("Mi DNI es ", dni(&random))
        case 8: value = ("The server is ", "10.\(random.number(0...255)).\(random.number(0...255)).\(random.number(10...250))")
        case 9: value = ("I was born on ", "\(random.number(10...28))/0\(random.number(1...9))/\(random.number(1950...2005))")
        case 10: value = ("The key is ", "sk-proj-" + random.text(40, of: letters))
        case 11: value = ("password: ", random.text(5, of: letters) + "7!" + random.text(5, of: letters))
        case 12: value = ("My SSN is ", "\(random.number(100...665))-\(random.number(10...99))-\(random.number(1000...9999))")
        case 13: value = ("It answers at ", "2001:db8:\(random.hex(4)):\(random.hex(4))::\(random.hex(4))")
        case 14: value = ("Token ", "ghp_" + random.text(36, of: letters) + " ")
        default: value = ("Use ", "postgres://app:\(random.text(12, of: letters))@db.example.com/app")
        }
        return value.0 + value.1 + random.pick([". ", ", thanks. ", " gracias.\n"])
    }

    private static let letters = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

    static func email(_ random: inout SeededRandom) -> String {
        let name = random.pick(["ana", "john", "maria.lopez", "support", "k.smith", "javi_r", "lucia+news"])
        return name + "\(random.number(1...999))@"
            + random.pick(["example.com", "mail.example.org", "correo.ejemplo.es", "corp.example.co.uk"])
    }

    private static func phone(_ random: inout SeededRandom) -> String {
        switch random.number(0...2) {
        case 0: "+34 6\(random.digits(2)) \(random.digits(3)) \(random.digits(3))"
        case 1: "(\(random.number(201...989))) \(random.number(201...989))-\(random.digits(4))"
        default: "6\(random.digits(8))"
        }
    }

    static func card(_ random: inout SeededRandom) -> String {
        let body = "4" + random.digits(14)
        var sum = 0
        for (index, digit) in body.compactMap(\.wholeNumberValue).enumerated() {
            sum += index & 1 == 1 ? digit : (digit > 4 ? 2 * digit - 9 : 2 * digit)
        }
        let digits = Array(body + "\((10 - sum % 10) % 10)")
        guard random.chance(60) else { return String(digits) }
        return stride(from: 0, to: 16, by: 4).map { String(digits[$0..<$0 + 4]) }.joined(separator: " ")
    }

    static func iban(_ random: inout SeededRandom) -> String {
        let account = random.digits(20)
        // "ES00" behind the account number: E is 14, S is 28.
        let remainder = (account + "142800").compactMap(\.wholeNumberValue).reduce(0) { ($0 * 10 + $1) % 97 }
        let check = 98 - remainder
        return "ES" + (check < 10 ? "0" : "") + "\(check)" + account
    }

    private static func dni(_ random: inout SeededRandom) -> String {
        let number = random.number(10_000_000...99_999_999)
        return "\(number)\(Array("TRWAGMYFPDXBNJZSQVHLCKE")[number % 23])"
    }
}
