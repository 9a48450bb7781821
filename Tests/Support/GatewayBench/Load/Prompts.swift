/// What a run asks.
struct Prompts: Sendable {
    private let plan: LoadPlan
    private let texts: [String]

    /// Where no two prompts are alike, these letters stand for the ones that differ.
    static let mark = "zqxjkvbwpyzq"
    private static let digits = Array("bcdfghjklm".utf8)

    init(_ plan: LoadPlan) {
        self.plan = plan
        texts = plan.texts.map(\.text)
    }

    /// How many there are before they begin anew, but for the letters that differ.
    var count: Int {
        if case .conversations(let count, let turns) = plan.prompts { count * turns } else { texts.count }
    }

    /// The messages of a request behind the system's; the caller's first.
    ///
    /// - Parameters:
    ///   - number: the requests before it in the run.
    ///   - letters: what differs where no two may be alike.
    func messages(_ number: Int, letters: String) -> [String] {
        let text = texts[number % texts.count]
        switch plan.prompts {
        case .same: return [text]
        // At the beginning, where LZ4 has seen nothing like it.
        case .unique: return ["Case \(letters), by \(plan.target.door). \(text)"]
        case .conversations(let count, let turns):
            let (conversation, turn) = (number / turns % count, number % turns)
            let exchanges = (0..<turn).flatMap { turn in
                [
                    "Look at step \(turn) of case \(conversation), and say what is missing.",
                    "In step \(turn) the date of the order is missing.",
                ]
            }
            return ["\(text) Her case has the number \(conversation), by \(plan.target.door)."] + exchanges + ["Go on with step \(turn)."]
        }
    }

    func messages(_ number: Int) -> [String] {
        messages(number, letters: String(decoding: Self.letters(number), as: UTF8.self))
    }

    /// A number as letters that no scrubber takes for anything.
    static func letters(_ number: Int) -> [UInt8] {
        var (letters, rest) = (Array(repeating: digits[0], count: mark.utf8.count), max(0, number))
        for index in letters.indices.reversed() {
            letters[index] = digits[rest % 10]
            rest /= 10
        }
        return letters
    }
}
