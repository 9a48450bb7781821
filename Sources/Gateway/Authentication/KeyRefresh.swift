/// When an issuer's published keys are fetched. Pure: events with their times in, and whether to fetch out. Times are in seconds since 1970.
///
/// Fetches come on a timer, and before it where a token names a key that is not in the set; never two within ``Settings/minimumInterval``, so that
/// nobody who invents key ids can make the gateway ask its issuer more often. A failed fetch is tried again after that interval.
package struct KeyRefresh: Sendable {
    package struct Settings: Sendable, Equatable {
        /// Between fetches that go well.
        package var interval: Int64
        /// Between any two.
        package var minimumInterval: Int64
        /// How long the last good set serves when no other can be had.
        package var maximumAge: Int64

        package init(interval: Int64, minimumInterval: Int64, maximumAge: Int64) {
            self.interval = interval
            self.minimumInterval = minimumInterval
            self.maximumAge = maximumAge
        }
    }

    private let settings: Settings
    private var isFetching = false
    private var lastBegan: Int64?
    private var nextDue = Int64.min
    private var isWanted = false

    package init(_ settings: Settings) {
        self.settings = settings
    }

    /// When ``timePassed(now:)`` should be called at the latest; `nil`: a fetch is under way.
    package var due: Int64? {
        if isFetching { return nil }
        guard let lastBegan else { return .min }
        let earliest = lastBegan + settings.minimumInterval
        return isWanted ? earliest : max(earliest, nextDue)
    }

    /// A token names a key that is not in the set, or there is no set.
    package mutating func keyMissed() { isWanted = true }

    /// - Returns: whether to fetch now.
    package mutating func timePassed(now: Int64) -> Bool {
        // A clock that was set back must not stop fetching for as long as it was wrong.
        if let began = lastBegan, began > now { lastBegan = now }
        guard let due, now >= due else { return false }
        isFetching = true
        isWanted = false
        lastBegan = now
        return true
    }

    package mutating func fetchFailed(now: Int64) {
        isFetching = false
        nextDue = now + settings.minimumInterval
    }

    /// - Returns: what the event loops are to know.
    package mutating func fetched(_ keys: KeySet, from source: String, now: Int64) -> PublishedKeys {
        isFetching = false
        isWanted = false
        nextDue = now + settings.interval
        return PublishedKeys(
            source: source, keys: keys, completeUntil: now + settings.minimumInterval, usableUntil: now + settings.maximumAge)
    }
}
