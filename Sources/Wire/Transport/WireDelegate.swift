package import Wire

/// Who acts on what happens on a connection. Called on the connection's event loop.
package protocol WireDelegate<Machine>: AnyObject {
    associatedtype Machine: ConnectionMachine

    /// May call ``WireHandler/perform(_:)`` and ``WireHandler/close()``.
    func eventReceived(_ event: Machine.Event, from handler: WireHandler<Machine>)

    /// The channel is gone: called exactly once, after the last event. Streams that had no end are lost.
    ///
    /// - Parameter error: what the channel failed with; `nil` if it was closed.
    func connectionClosed(_ handler: WireHandler<Machine>, error: (any Error)?)
}

package typealias WireServerHandler = WireHandler<ServerConnection>
package typealias WireClientHandler = WireHandler<ClientConnection>
