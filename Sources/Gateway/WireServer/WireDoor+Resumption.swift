import GatewayCore
import GatewayPipeline
import NIOCore
import Wire
import WireTransport

/// Answers that go on when their connection is lost: requests that ask for it, and those that go on with one.
extension WireDoor {
    /// Of one connection: each asks the store again and again.
    private static let maxRemoteReaders = 32

    private var offersResumption: Bool { loop.settings.wire.resumption.timeout > .zero }

    /// - Returns: `false`: it is to be carried out like any other request.
    func beginResumable(_ call: CallerRequest, on stream: StreamID, _ handler: WireServerHandler) -> Bool {
        guard offersResumption, let writer = ResumableWriter(call.id, of: call.principal, answers: resumable, loop: loop) else {
            return false
        }
        let reader = makeReader(writer.answer, behind: 0, on: stream, handler)
        guard reader.attach(on: loop.eventLoop) else { return false }
        works[stream] = reader
        writer.start(loop.begin(call, receiver: writer))
        return true
    }

    private func makeReader(
        _ answer: ResumableAnswer, behind last: UInt64, on stream: StreamID, _ handler: WireServerHandler
    ) -> ResumableReader {
        ResumableReader(answer, behind: last, on: stream, handler) { [weak self] reader in
            self?.tellingEnded(reader, on: stream)
        }
    }

    /// Goes on with an answer behind what the client has of it, whichever replica has it.
    ///
    /// - Throws: ``FaultKind/resumeUnavailable``, ``FaultKind/unsupported``, ``FaultKind/overloaded``, or why the principal is not served.
    func continueAnswer(
        _ request: ResumeRequest, of principal: Principal, on stream: StreamID, _ handler: WireServerHandler
    ) throws(Fault) {
        guard offersResumption else {
            throw Fault(.unsupported, origin: .gateway, message: "This gateway is configured not to resume answers.")
        }
        try loop.checkAuthority(of: principal)
        guard let id = RequestID(request.responseID.string) else { throw .notResumable }
        let name = ResumptionName(id, of: principal)
        if let answer = resumable.find(name) {
            let reader = makeReader(answer, behind: request.lastSequence, on: stream, handler)
            if reader.attach(on: loop.eventLoop) {
                works[stream] = reader
                return reader.tell()
            }
            // What is not here any more may stand in the store, for others.
            guard answer.isOrphan else { throw .notResumable }
        }
        guard let shared = loop.sharedResumptions, works.values.count(where: { $0 is RemoteReader }) < Self.maxRemoteReaders else {
            throw .notResumable
        }
        let reader = RemoteReader(
            name, behind: request.lastSequence, shared, on: stream, handler, loop: loop
        ) { [weak self] in
            self?.works[stream] = nil
        }
        works[stream] = reader
        reader.ask()
    }
}

extension Fault {
    fileprivate static let notResumable = Fault(
        .resumeUnavailable, origin: .downstream,
        message: "The answer cannot be resumed: it is unknown here, over, or was not kept from that place on.")
}
