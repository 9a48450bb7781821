/// One thing that is wrong with a configuration file. Never holds a value that could be a secret.
package struct ConfigurationFault: Sendable, Hashable {
    package var file: String
    /// From 1.
    package var line: Int
    /// From 1, in Unicode scalars.
    package var column: Int
    /// The key as it stands in the file, such as `models[2].provider`; empty for the file as a whole.
    package var key: String
    /// What is wrong; with the key before it, a sentence.
    package var problem: String
    /// How to mend it.
    package var remedy: String

    package init(file: String, line: Int, column: Int, key: String, problem: String, remedy: String) {
        self.file = file
        self.line = line
        self.column = column
        self.key = key
        self.problem = problem
        self.remedy = remedy
    }
}

/// Everything that is wrong with a configuration file, in the order of its lines; never empty.
package struct ConfigurationFaults: Error, Sendable, Hashable {
    package var faults: [ConfigurationFault]

    package init(faults: [ConfigurationFault]) {
        self.faults = faults
    }

    /// The faults for a person at a terminal: two lines each, and a count.
    package var rendered: String {
        var text = ""
        for fault in faults {
            let subject = fault.key.isEmpty ? "the file" : fault.key
            text += "\(fault.file):\(fault.line):\(fault.column): \(subject) \(fault.problem)\n    \(fault.remedy)\n"
        }
        text +=
            faults.count == 1 ? "1 problem; nothing was started or changed." : "\(faults.count) problems; nothing was started or changed."
        return Self.withoutControlCharacters(text)
    }

    /// What a quoted key or a path may hold must not command a terminal.
    private static func withoutControlCharacters(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    switch scalar.properties.generalCategory {
                    case .control where scalar != "\n", .format, .lineSeparator, .paragraphSeparator: "\u{FFFD}"
                    default: scalar
                    }
                }))
    }
}
