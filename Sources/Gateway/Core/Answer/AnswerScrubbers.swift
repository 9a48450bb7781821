import Scrubbing

/// Scrubbers of answers between two texts: the memory of one, some 40 KiB, would otherwise be allocated and cleared for every answer.
///
/// Of one event loop. Bound: ``capacity`` of one set of rules; those of another set take their place.
package final class AnswerScrubbers {
    private static let capacity = 16
    private var rules: ScrubRules?
    private var idle: [StreamScrubber] = []

    package init() {}

    /// - Parameter policy: that of the rules for answers.
    func take(_ rules: ScrubRules, _ policy: ScrubPolicy) -> StreamScrubber {
        guard self.rules === rules, let scrubber = idle.popLast() else { return StreamScrubber(policy: policy) }
        return scrubber
    }

    func giveBack(_ scrubber: consuming StreamScrubber, of rules: ScrubRules) {
        if self.rules !== rules {
            idle.removeAll(keepingCapacity: true)
            self.rules = rules
        }
        guard idle.count < Self.capacity else { return }
        scrubber.reset()
        idle.append(scrubber)
    }
}
