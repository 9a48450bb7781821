#!/usr/bin/env bash
# Generates Tests/Support/ProtobufReference, swift-protobuf's reading of protocol/agentshield.proto, which tests compare our
# codec with. Needs protoc (Debian: protobuf-compiler) and a resolved package (swift package resolve).
set -euo pipefail
cd "$(dirname "$0")/.."

swift build --package-path .build/checkouts/swift-protobuf --scratch-path .build-protoc --product protoc-gen-swift
protoc --plugin=.build-protoc/debug/protoc-gen-swift --swift_opt=Visibility=Package \
    --proto_path=protocol --swift_out=Tests/Support/ProtobufReference agentshield.proto
