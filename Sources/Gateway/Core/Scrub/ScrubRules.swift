package import Scrubbing

/// A scrubbing policy under its name, as keys refer to it.
package final class ScrubRules: Sendable {
    package let name: String
    /// Differs whenever the rules do: answers that were cached under other rules are not served.
    package let version: String
    package let policy: ScrubPolicy
    /// Tools whose arguments are given the values behind placeholders.
    package let toolsWithRestoredArguments: Set<String>
    /// The policy as it is kept with answers; nil when answers are not looked at.
    let answerPolicy: ScrubPolicy?
    /// Of several rules, those with most hide most.
    package let hiddenKindCount: Int

    package init(name: String, version: String, policy: ScrubPolicy, toolsWithRestoredArguments: Set<String>) {
        self.name = name
        self.version = version
        self.policy = policy
        self.toolsWithRestoredArguments = toolsWithRestoredArguments
        answerPolicy = policy.forAnswers
        hiddenKindCount = policy.hiddenKindCount
    }
}
