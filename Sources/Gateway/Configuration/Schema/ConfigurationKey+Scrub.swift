internal import Scrubbing

extension ConfigurationKey {
    /// What a scrubbing policy has besides its kinds.
    static let scrubPolicy: [ConfigurationKey] = [
        ConfigurationKey(
            "scrub.policies.*.minimum_score", .score, .defaultText("0.5"),
            "Findings that the engine is less sure of are left alone. About 0.4: the form alone; 0.6 and more: a check digit or a context word."
        ),
        ConfigurationKey(
            "scrub.policies.*.minimum_scores", .scores, .means("`minimum_score`"), "As `minimum_score`, for single kinds: `{PHONE: 0.6}`."),
        ConfigurationKey(
            "scrub.policies.*.locales", .list(.choice(ScrubLocale.allCases.map(\.rawValue))), .means("all of them"),
            "Countries whose own kinds are looked for. Kinds that belong to no country are always looked for."),
        ConfigurationKey(
            "scrub.policies.*.hash_key_env", .environmentName, .means("no kind may have `hash`"),
            "Names the secret that keys the hashes: this variable, or the file that it names with `_FILE` after it. At least 16 bytes."),
        ConfigurationKey("scrub.policies.*.allow", .section, .means("nothing"), "What is let through; together at most 4,096 entries."),
        ConfigurationKey(
            "scrub.policies.*.allow.values", .list(.text(256)), .means("none"), "Exactly these values, of whatever kind, in either case."),
        ConfigurationKey(
            "scrub.policies.*.allow.email_domains", .list(.text(256)), .means("none"),
            "E-mail addresses of these domains; `*.example.com` stands for the subdomains of `example.com`."),
        ConfigurationKey(
            "scrub.policies.*.answers", .choice(["scrub", "log", "off"]), .defaultText("scrub"),
            """
            Findings in answers that the caller did not send. `scrub`: as the kinds say, with a label in place of a placeholder. `log`: counted. \
            `off`: not looked for.
            """),
        ConfigurationKey(
            "scrub.policies.*.object_keys", .choice(["block", "log"]), .defaultText("block"),
            "Findings in the keys of JSON objects, which are never rewritten. `block`: the request is refused. `log`: counted."),
        ConfigurationKey(
            "scrub.policies.*.fold_lookalikes", .flag, .defaultText("false"),
            "Whether tricks with Unicode are seen through: signs without width, full-width letters, digits of other scripts, lookalikes."),
        ConfigurationKey("scrub.policies.*.patterns", .sections, .means("none"), "Kinds of the policy's own, at most 64."),
        ConfigurationKey(
            "scrub.policies.*.patterns[].name", .label, .required,
            "What placeholders and reports call it: capitals, digits and `_`, at most 32, no number behind a last `_`. No other kind's name."
        ),
        ConfigurationKey(
            "scrub.policies.*.patterns[].pattern", .text(2048), .required,
            "What it looks like: at most 512 characters in the dialect of [scrubbing-policies.md](scrubbing-policies.md)."),
        ConfigurationKey(
            "scrub.policies.*.patterns[].case_insensitive", .flag, .defaultText("false"), "Whether capitals and small letters are the same."
        ),
        ConfigurationKey(
            "scrub.policies.*.patterns[].score", .score, .defaultText("0.9"), "How sure a match is; half of it without a context word."),
        ConfigurationKey(
            "scrub.policies.*.patterns[].context", .list(.text(32)), .means("none asked for"),
            "Words of which one is expected in the 64 bytes before a match; at most 32."),
        ConfigurationKey(
            "scrub.policies.*.patterns[].action", .scrubAction, .defaultText("placeholder"), "What is done with a match."),
    ]
}

extension Configuration {
    /// The words for what can be done with a kind; `mask:0` to `mask:8` besides.
    static let scrubActions = ["placeholder", "redact", "mask", "hash", "block", "log", "ignore"]
}

extension ScrubAction {
    /// The action that a configuration file's word stands for.
    init?(configured text: String) {
        switch text {
        case "placeholder": self = .placeholder
        case "redact": self = .redact
        case "mask": self = .mask(keepLast: 4)
        case "hash": self = .hash
        case "block": self = .block
        case "log": self = .logOnly
        case "ignore": self = .ignore
        default:
            guard text.hasPrefix("mask:"), text.utf8.count == 6, let keepLast = Int(text.dropFirst(5)), (0...8).contains(keepLast) else {
                return nil
            }
            self = .mask(keepLast: keepLast)
        }
    }

    /// The word for it.
    var configured: String {
        switch self {
        case .placeholder: "placeholder"
        case .redact: "redact"
        case .mask(let keepLast): keepLast == 4 ? "mask" : "mask:\(keepLast)"
        case .hash: "hash"
        case .block: "block"
        case .logOnly: "log"
        case .ignore: "ignore"
        }
    }
}
