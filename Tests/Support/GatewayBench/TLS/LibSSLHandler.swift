import CLibSSL
import NIOCore

/// The server's side of TLS by libssl over memory BIOs: what a handler of our own would be. Only as much as the benchmark needs.
final class LibSSLHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let session: OpaquePointer
    /// libssl's; freed with the session.
    private let received: OpaquePointer
    private let toSend: OpaquePointer

    init(_ context: LibSSLContext) throws {
        guard let session = SSL_new(context.pointer), let received = BIO_new(BIO_s_mem()), let toSend = BIO_new(BIO_s_mem()) else {
            throw BenchFailure(description: "libssl has no memory")
        }
        self.session = session
        self.received = received
        self.toSend = toSend
        SSL_set_bio(session, received, toSend)
        SSL_set_accept_state(session)
    }

    deinit {
        SSL_free(session)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        unwrapInboundIn(data).withUnsafeReadableBytes { bytes in
            _ = BIO_write(received, bytes.baseAddress, Int32(bytes.count))
        }
        var plain = context.channel.allocator.buffer(capacity: 16_384)
        while true {
            let count = plain.writeWithUnsafeMutableBytes(minimumWritableBytes: 16_384) { space in
                Int(max(0, SSL_read(session, space.baseAddress, Int32(space.count))))
            }
            if count == 0 { break }
        }
        if plain.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(plain)) }
        let isClosing = SSL_get_shutdown(session) & SSL_RECEIVED_SHUTDOWN != 0
        if isClosing { SSL_shutdown(session) }
        sendRecords(context, promise: nil)
        if isClosing { context.close(promise: nil) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        context.flush()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        unwrapOutboundIn(data).withUnsafeReadableBytes { bytes in
            _ = SSL_write(session, bytes.baseAddress, Int32(bytes.count))
        }
        sendRecords(context, promise: promise)
    }

    private func sendRecords(_ context: ChannelHandlerContext, promise: EventLoopPromise<Void>?) {
        let pending = Int(BIO_ctrl_pending(toSend))
        guard pending > 0 else {
            promise?.succeed()
            return
        }
        var records = context.channel.allocator.buffer(capacity: pending)
        records.writeWithUnsafeMutableBytes(minimumWritableBytes: pending) { space in
            Int(max(0, BIO_read(toSend, space.baseAddress, Int32(pending))))
        }
        context.write(wrapOutboundOut(records), promise: promise)
    }
}

/// libssl's settings for a server, with its buffers given back while a connection is idle.
final class LibSSLContext {
    let pointer: OpaquePointer

    init(_ files: CertificateFiles) throws {
        guard let pointer = SSL_CTX_new(TLS_server_method()) else { throw BenchFailure(description: "libssl has no memory") }
        self.pointer = pointer
        clibssl_release_buffers(pointer)
        guard clibssl_only_tls13(pointer) == 1, SSL_CTX_use_certificate_chain_file(pointer, files.certificate) == 1,
            SSL_CTX_use_PrivateKey_file(pointer, files.key, SSL_FILETYPE_PEM) == 1
        else { throw BenchFailure(description: "libssl does not read \(files.certificate)") }
    }

    deinit {
        SSL_CTX_free(pointer)
    }
}
