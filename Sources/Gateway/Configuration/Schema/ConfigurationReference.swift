/// The part of `docs/configuration.md` that is generated from the table of keys.
package enum ConfigurationReference {
    package static let begin = "<!-- Generated from ConfigurationKey.all; a test compares it. -->"
    package static let end = "<!-- End of the generated part. -->"

    package static var markdown: String {
        var text = begin + "\n"
        for chapter in chapters {
            text += "\n### `\(chapter.title)`\n\n| key | type | default | range | meaning |\n|---|---|---|---|---|\n"
            for key in chapter.keys {
                text += "| `\(key.path)` | \(key.type.name) | \(key.absence.documentation) | \(key.type.range) | \(key.meaning) |\n"
            }
        }
        return text + "\n" + end
    }

    /// The keys by what their paths begin with, in the table's order.
    private static var chapters: [(title: String, keys: [ConfigurationKey])] {
        var chapters: [(title: String, keys: [ConfigurationKey])] = []
        for key in ConfigurationKey.all {
            let title = String(key.path.prefix { $0 != "." && $0 != "[" })
            if chapters.last?.title == title {
                chapters[chapters.count - 1].keys.append(key)
            } else {
                chapters.append((title, [key]))
            }
        }
        return chapters
    }
}

extension ConfigurationKey.Absence {
    fileprivate var documentation: String {
        switch self {
        case .required: "**required**"
        case .defaultText(let text): "`\(text)`"
        case .means(let meaning): meaning
        }
    }
}
