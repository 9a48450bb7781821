package import NIOCore
package import Wire

/// An application on top of one side of a connection.
package protocol Application {
    associatedtype Machine: ConnectionMachine

    var machine: Machine { get set }
    /// Does what the event asks for.
    mutating func handle(_ event: Machine.Event)
}

/// Drives a connection as a channel handler does, and checks after every step what every driver relies on.
package struct Driver<App: Application> where App.Machine.Event: Equatable {
    package private(set) var app: App
    package private(set) var events: [App.Machine.Event] = []
    private var now: NIODeadline

    /// More turns than any input of libFuzzer's can ask for: a driver that is still at it will never end.
    private let maxTurns = 1_000_000

    package init(_ app: App, now: NIODeadline) {
        self.app = app
        self.now = now
    }

    package mutating func receive(_ bytes: some Collection<UInt8>) {
        var buffer = ByteBuffer(bytes: bytes)
        app.machine.receive(&buffer, now: now)
        precondition(buffer.readableBytes == 0, "received bytes were left behind")
        settle()
    }

    /// Lets time pass up to the next deadline, or for a while if there is none.
    package mutating func waitForDeadline() {
        now = max(now, app.machine.nextDeadline ?? now + .seconds(1))
        app.machine.timerFired(now: now)
        settle()
        if let next = app.machine.nextDeadline { precondition(next > now, "a deadline that has passed is asked for again") }
    }

    package mutating func loseConnection() {
        app.machine.connectionLost()
        precondition(app.machine.isClosed, "a lost connection is open")
        settle()
    }

    private mutating func settle() {
        for _ in 0..<maxTurns {
            if let event = app.machine.nextEvent() {
                events.append(event)
                app.handle(event)
            } else if app.machine.takeOutbound() == nil {
                return
            }
        }
        preconditionFailure("the connection never comes to rest")
    }
}
