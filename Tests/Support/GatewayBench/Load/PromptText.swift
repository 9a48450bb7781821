/// Prompts of any length, with as much personal data as is asked for; the same for the same numbers.
struct PromptText: Sendable, Codable, Equatable {
    /// Bytes of the text, about; 0 for the one of which a request is 841 bytes of JSON.
    var bytes = 0
    /// E-mail addresses, telephone numbers, accounts and cards in each KiB, about.
    var findingsPerKiB = 1.0

    /// A request with it is 841 bytes of JSON, and it has one e-mail address.
    static let short =
        "Please answer the customer below in two sentences. She wrote from maria.lopez@example.com on Tuesday: the invoice for the second "
        + "quarter shows the old address, the discount that was agreed on in March is missing, and the payment date lies on a public holiday. "
        + "She asks for a corrected document before the end of the week, wants to know whether the reminder that she got yesterday can be "
        + "ignored until then, and would like to have the next invoices sent to the accounting department instead of her own mailbox. Keep the "
        + "tone friendly, promise nothing that the terms of delivery do not say, and mention that the support team can be reached by telephone "
        + "on working days from nine to five. Sign your reply in the name of that team."

    private static let sentences = [
        "The shipment left the warehouse in the morning and reached the harbour a day later than planned.",
        "Nobody on the team could say which version of the contract had been signed by both sides.",
        "A second reading of the report shows that the figures of the spring quarter were counted twice.",
        "The printer on the third floor takes letters only, and the one beside it takes nothing at all.",
        "We agreed to look at the plan again as soon as the results of the survey are in.",
        "Her question was whether the warranty covers damage that was found after the move.",
        "If the parcel does not arrive by noon, the driver leaves it with the neighbours across the yard.",
        "The minutes of the last meeting are in the usual folder, and so are the drawings.",
        "Customers who order before the end of the month keep the old conditions for a year.",
        "It is not clear why the second payment was made at all, and by whom.",
    ]

    var text: String {
        guard bytes > 0 else { return Self.short }
        var text = ""
        text.reserveCapacity(bytes + 200)
        var (number, findings) = (1, 0.0)
        while text.utf8.count < bytes {
            // A linear congruential step, so that sentences do not come in turns.
            number = (number * 1_103_515_245 + 12_345) & 0x7FFF_FFFF
            text += Self.sentences[(number >> 8) % Self.sentences.count] + " "
            while findings < Double(text.utf8.count) / 1_024 * findingsPerKiB {
                findings += 1
                text += Self.finding(Int(findings)) + " "
            }
        }
        return text
    }

    private static func finding(_ number: Int) -> String {
        switch number % 4 {
        case 0: "Write to customer.\(number)@example.com about it."
        case 1: "The telephone number is +34 612 \(100 + number % 900) \(100 + number / 900 % 900)."
        case 2: "The money goes to the account ES91 2100 0418 4502 0005 1332."
        default: "She paid with the card 4111 1111 1111 1111."
        }
    }
}
