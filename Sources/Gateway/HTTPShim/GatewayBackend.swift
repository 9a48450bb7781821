package import GatewayPipeline

/// The gateway itself behind the HTTP door.
extension GatewayLoop: ShimBackend {
    package func begin(_ request: CallerRequest, receiver: any AnswerReceiver) -> any ShimExchange {
        let exchange: Exchange = begin(request, receiver: receiver)
        return exchange
    }
}

extension Exchange: ShimExchange {}
