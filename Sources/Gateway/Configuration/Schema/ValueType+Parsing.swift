internal import GatewayCore
internal import GatewayCrypto
internal import Scrubbing

/// A scalar of the file, understood.
enum ConfigurationValue {
    case text(String)
    /// Integers and sizes.
    case integer(Int)
    case duration(Duration)
    case flag(Bool)
    case address(ListenAddress)
    case url(ProviderURL)
    /// Nano-USD per million tokens.
    case price(UInt64)
    /// Nano-USD.
    case amount(Int64)
    /// Seconds since 1970.
    case instant(Int64)
    case digest(Digest)
    case score(Float)
    case decimal(Double)
}

extension ConfigurationKey.ValueType {
    /// The value that a scalar's text stands for. Types that are no scalars never come here.
    func parse(_ text: String) throws(ValueProblem) -> ConfigurationValue {
        switch self {
        case .section, .sections, .namedSections, .list, .scores: throw ValueProblem("is a single value", remedy: "write a \(name)")
        case .identifier: return .text(try check(text, remedy: "use \(plain(range))", Self.isIdentifier))
        case .label: return .text(try check(text, remedy: "use \(plain(range))") { Self.isLabel($0) && !$0.contains("*") })
        case .pattern: return .text(try check(text, remedy: "use \(plain(range))") { Self.isLabel($0) && !$0.dropLast().contains("*") })
        case .path: return .text(try check(text, remedy: "give a file's path, relative to this file's folder or absolute", Self.isPath))
        case .environmentName: return .text(try Self.environmentName(text))
        case .integer(let allowed):
            guard let number = Int(text), text.first != "+" else {
                throw ValueProblem("is not a whole number", remedy: "write a number from \(range)")
            }
            return .integer(try within(allowed, number))
        case .size(let allowed): return .integer(try within(allowed, SizeText.parse(text)))
        case .duration(let allowed): return .duration(try within(allowed, DurationText.parse(text)))
        case .flag:
            guard text == "true" || text == "false" else { throw ValueProblem("is neither true nor false", remedy: "write true or false") }
            return .flag(text == "true")
        case .choice(let choices):
            guard choices.contains(text) else {
                let meant = Suggestion.closest(to: text, among: choices).map { "did you mean `\($0)`? " } ?? ""
                throw ValueProblem("is none of its choices", remedy: "\(meant)choose one of \(range)")
            }
            return .text(text)
        case .score:
            guard let score = Float(text), (0...1).contains(score), text.allSatisfy({ $0.isASCII && $0.isNumber || $0 == "." }) else {
                throw ValueProblem("is no score", remedy: "write a decimal number from 0 to 1: 0.75")
            }
            return .score(score)
        case .decimal(let allowed):
            guard let number = Double(text), number.isFinite, text.allSatisfy({ $0.isASCII && $0.isNumber || $0 == "." }) else {
                throw ValueProblem("is no decimal number", remedy: "write a plain decimal number: 0.25")
            }
            return .decimal(try within(allowed, number))
        case .scrubAction:
            guard ScrubAction(configured: text) != nil else {
                let meant = Suggestion.closest(to: text, among: Configuration.scrubActions).map { "did you mean `\($0)`? " } ?? ""
                throw ValueProblem("is none of its choices", remedy: "\(meant)choose one of \(range)")
            }
            return .text(text)
        case .text(let bytes):
            guard (1...bytes).contains(text.utf8.count), !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
            else {
                throw ValueProblem("is not a valid text", remedy: "write 1 to \(bytes) bytes without control characters")
            }
            return .text(text)
        case .address:
            guard let address = ListenAddress(text) else {
                throw ValueProblem(
                    "is not an address to listen on",
                    remedy: "write an IP address or localhost, and a port: 127.0.0.1:8443 or \"[::1]:8443\"")
            }
            return .address(address)
        case .network:
            _ = try NetworkText.parse(text)
            return .text(text)
        case .url: return .url(try ProviderURL(parsing: text))
        case .price: return .price(try PriceText.parse(text))
        case .amount:
            guard let amount = USDText.nanoUSD(text) else {
                throw ValueProblem(
                    "is not an amount", remedy: "write USD as a plain decimal number from 0 to 9000000, with at most 9 decimals: 25.50")
            }
            return .amount(amount)
        case .timestamp: return .instant(try TimestampText.parse(text))
        case .keyHash:
            guard let digest = APIKey.hash(text: text) else {
                throw ValueProblem("is not a key's hash", remedy: "make a key and its hash with `agentshield keys create`")
            }
            return .digest(digest)
        }
    }

    private func within<Value: Comparable>(_ allowed: ClosedRange<Value>, _ value: Value) throws(ValueProblem) -> Value {
        guard allowed.contains(value) else { throw ValueProblem("is out of range", remedy: "choose from \(range)") }
        return value
    }

    private func check(_ text: String, remedy: String, _ isValid: (String) -> Bool) throws(ValueProblem) -> String {
        guard isValid(text) else { throw ValueProblem("is not a valid \(name)", remedy: remedy) }
        return text
    }

    private func plain(_ markdown: String) -> String { markdown.replacing("`", with: "") }

    private static func environmentName(_ text: String) throws(ValueProblem) -> String {
        guard let first = text.utf8.first, text.utf8.count <= 128, !(0x30...0x39).contains(first),
            text.utf8.allSatisfy({ isLetterOrDigit($0) || $0 == UInt8(ascii: "_") })
        else {
            throw ValueProblem(
                "is not the name of an environment variable",
                remedy:
                    "put the secret itself into a variable, or into a file named by that variable with _FILE after it, and write the variable's name here"
            )
        }
        return text
    }

    static func isIdentifier(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && text.utf8.allSatisfy { isLetterOrDigit($0) || "._-".utf8.contains($0) }
    }

    private static func isLabel(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }

    private static func isPath(_ text: String) -> Bool {
        (1...4096).contains(text.utf8.count) && !text.utf8.contains { $0 < 0x20 }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"): true
        default: false
        }
    }
}
