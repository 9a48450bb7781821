import NIOCore

/// Whom an ``AlarmClock`` wakes. Confined to the clock's event loop.
protocol AlarmReceiver: AnyObject {
    /// Where the clock keeps its alarm; the clock's business alone. `nil`: none is set.
    var alarmPosition: Int? { get set }

    /// The time has come. No alarm is set any more.
    func alarmRang()
}

/// Wakes an event loop's requests at their times with one timer of the loop's. A timer of NIO's own costs six allocations, and every request sets two,
/// nearly none of which ever fires. Confined to the loop.
///
/// A heap whose members know their places. Bound: the requests under way, each with one alarm.
final class AlarmClock {
    private struct Alarm {
        var time: NIODeadline
        let receiver: any AlarmReceiver
    }

    private let eventLoop: any EventLoop
    private var alarms: [Alarm] = []
    private var timer: (task: Scheduled<Void>, at: NIODeadline)?

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    var count: Int { alarms.count }

    /// Sets the receiver's alarm, in place of one that it has. It is kept alive until it rings or is cancelled.
    func set(_ receiver: some AlarmReceiver, at time: NIODeadline) {
        if let position = receiver.alarmPosition {
            alarms[position].time = time
            settle(position)
        } else {
            alarms.append(Alarm(time: time, receiver: receiver))
            receiver.alarmPosition = alarms.count - 1
            settle(alarms.count - 1)
        }
        setTimer()
    }

    func cancel(_ receiver: some AlarmReceiver) {
        guard let position = receiver.alarmPosition else { return }
        remove(at: position)
    }

    private func remove(at position: Int) {
        alarms[position].receiver.alarmPosition = nil
        let last = alarms.removeLast()
        guard position < alarms.count else { return }
        alarms[position] = last
        last.receiver.alarmPosition = position
        settle(position)
    }

    // MARK: the heap

    private func settle(_ start: Int) {
        var position = start
        while position > 0, alarms[position].time < alarms[(position - 1) / 2].time {
            exchange(position, (position - 1) / 2)
            position = (position - 1) / 2
        }
        while let child = earlierChild(of: position), alarms[child].time < alarms[position].time {
            exchange(position, child)
            position = child
        }
    }

    private func earlierChild(of position: Int) -> Int? {
        let (left, right) = (2 * position + 1, 2 * position + 2)
        guard left < alarms.count else { return nil }
        return right < alarms.count && alarms[right].time < alarms[left].time ? right : left
    }

    private func exchange(_ first: Int, _ second: Int) {
        alarms.swapAt(first, second)
        alarms[first].receiver.alarmPosition = first
        alarms[second].receiver.alarmPosition = second
    }

    // MARK: the timer

    /// It is never set later, nor cancelled with an alarm: when it fires too early it is set anew.
    private func setTimer() {
        guard let first = alarms.first else { return }
        if let timer {
            guard first.time < timer.at else { return }
            timer.task.cancel()
        }
        timer = (eventLoop.assumeIsolated().scheduleTask(deadline: first.time) { [self] in timerFired() }, first.time)
    }

    private func timerFired() {
        timer = nil
        let now = eventLoop.now
        while let first = alarms.first, first.time <= now {
            remove(at: 0)
            first.receiver.alarmRang()
        }
        setTimer()
    }
}
