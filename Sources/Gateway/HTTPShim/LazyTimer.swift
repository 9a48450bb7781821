import NIOCore

/// One timer for a deadline that moves often, mostly later. It is only ever set anew for an earlier deadline; when it fires too early, its owner
/// asks again, so a stream of a thousand chunks sets it a few times.
struct LazyTimer {
    private var scheduled: (task: Scheduled<Void>, at: NIODeadline)?

    /// Sees to it that `fire` is called at `deadline` or before.
    mutating func ensure(_ deadline: NIODeadline?, on eventLoop: any EventLoop, fire: @escaping () -> Void) {
        guard let deadline else { return }
        if let scheduled {
            guard deadline < scheduled.at else { return }
            scheduled.task.cancel()
        }
        scheduled = (eventLoop.assumeIsolated().scheduleTask(deadline: deadline, fire), deadline)
    }

    /// To be called first when the timer fires.
    mutating func fired() { scheduled = nil }

    mutating func cancel() {
        scheduled?.task.cancel()
        scheduled = nil
    }
}
