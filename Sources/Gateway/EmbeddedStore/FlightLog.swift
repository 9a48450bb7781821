package import GatewayCore
import NIOConcurrencyHelpers
package import NIOCore

/// What has come of a streamed answer that one request fetches, for those that follow it while it comes. Shared by event loops; guards itself.
///
/// The leader appends; each follower reads at its own pace. Bounds: the bytes of an answer that may be shared, and the flight's waiters.
package final class FlightLog: Sendable {
    package enum End: Sendable, Equatable {
        /// The answer is whole.
        case whole(TokenUsage, [AnswerFinish])
        /// It broke, or became too long to be shared: who has begun to tell it cannot go on.
        case broken
    }

    /// What a follower has not read yet.
    package struct Rest: Sendable {
        package var chunks: ArraySlice<ByteBuffer>
        /// `nil`: more may come.
        package var end: End?
    }

    /// Whose answer it is.
    package struct Origin: Sendable, Equatable {
        /// Of the provider's JSON texts.
        package var dialect: Dialect
        package var model: String
        package var provider: String

        package init(dialect: Dialect, model: String, provider: String) {
            self.dialect = dialect
            self.model = model
            self.provider = provider
        }
    }

    private struct Follower {
        var eventLoop: any EventLoop
        var notify: @Sendable () -> Void
        /// It has been told and has not read since.
        var isTold = false
    }

    private struct State {
        var origin: Origin?
        var chunks: [ByteBuffer] = []
        var bytes = 0
        var end: End?
        var followers: [FlightWaiterID: Follower] = [:]
        var leader: (eventLoop: any EventLoop, notify: @Sendable (Int) -> Void)?
    }

    private let state = NIOLockedValueBox(State())
    private let maxBytes: Int

    package init(maxBytes: Int) {
        self.maxBytes = maxBytes
    }

    // MARK: the leader

    /// - Parameter notify: called on the loop with the number of followers whenever there are the first, or none any more.
    package func lead(on eventLoop: any EventLoop, notify: @escaping @Sendable (Int) -> Void) {
        state.withLockedValue { $0.leader = (eventLoop, notify) }
    }

    /// The leader goes, and hears nothing more: before somebody else may lead.
    package func forgetLeader() { state.withLockedValue { $0.leader = nil } }

    package var followers: Int { state.withLockedValue { $0.followers.count } }

    /// Whether anything has been told: then a failure cannot be mended by another call.
    package var hasBegun: Bool { state.withLockedValue { $0.origin != nil } }

    /// Whether nobody can begin to follow it any more.
    package var isBroken: Bool { state.withLockedValue { $0.end == .broken } }

    /// Whether more may come.
    package var isOpen: Bool { state.withLockedValue { $0.end == nil } }

    package func append(_ chunk: ByteBuffer, origin: @autoclosure () -> Origin) {
        tell { state in
            guard state.end == nil else { return }
            if state.origin == nil { state.origin = origin() }
            state.chunks.append(chunk)
            state.bytes += chunk.readableBytes
            if state.bytes > maxBytes {
                state.chunks.removeAll()
                state.end = .broken
            }
        }
    }

    package func finish(_ end: End) {
        tell { state in
            if state.end == nil { state.end = end }
            state.leader = nil
        }
    }

    private func tell(_ change: (inout State) -> Void) {
        let told = state.withLockedValue { state -> [Follower] in
            change(&state)
            guard !state.followers.isEmpty else { return [] }
            var told: [Follower] = []
            for (id, follower) in state.followers where !follower.isTold {
                state.followers[id]?.isTold = true
                told.append(follower)
            }
            return told
        }
        for follower in told { follower.eventLoop.execute(follower.notify) }
    }

    // MARK: followers

    /// - Parameter notify: called on the loop whenever there is something to read.
    package func follow(_ id: FlightWaiterID, on eventLoop: any EventLoop, notify: @escaping @Sendable () -> Void) {
        let (leader, hasNews) = state.withLockedValue { state in
            let hasNews = state.origin != nil || state.end != nil
            state.followers[id] = Follower(eventLoop: eventLoop, notify: notify, isTold: hasNews)
            return (state.followers.count == 1 ? state.leader : nil, hasNews)
        }
        if hasNews { eventLoop.execute(notify) }
        if let leader { leader.eventLoop.execute { leader.notify(1) } }
    }

    /// What came behind the first `count` chunks; `nil`: nothing has been told yet.
    ///
    /// - Parameter id: who reads, and is to be told of what comes next; `nil`: the leader.
    package func read(_ id: FlightWaiterID?, from count: Int) -> (origin: Origin, rest: Rest)? {
        state.withLockedValue { state in
            if let id { state.followers[id]?.isTold = false }
            guard let origin = state.origin else { return nil }
            return (origin, Rest(chunks: state.chunks[min(count, state.chunks.count)...], end: state.end))
        }
    }

    package func leave(_ id: FlightWaiterID) {
        let leader = state.withLockedValue { state in
            state.followers.removeValue(forKey: id) != nil && state.followers.isEmpty ? state.leader : nil
        }
        if let leader { leader.eventLoop.execute { leader.notify(0) } }
    }
}
