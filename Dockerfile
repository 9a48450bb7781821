# The gateway's image. `make image` builds it and also works where these base images cannot be pulled.
# Nothing here depends on the processor: amd64 and arm64 build from the same lines.
ARG SWIFT_IMAGE=swift:6.3-bookworm
ARG RUNTIME_IMAGE=debian:bookworm-slim

FROM ${SWIFT_IMAGE} AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libssl-dev libhiredis-dev libpq-dev liblz4-dev libsqlite3-dev zlib1g-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
# 34 MB of locale data that the gateway has no use for; the file says more.
COPY Scripts/image/empty-icu-data.c /tmp/
RUN library=/usr/lib/swift_static/linux/lib_FoundationICU.a \
    && symbol="$(nm "$library" 2>/dev/null | sed -n 's/.* R \(icudt[0-9]*_dat\)$/\1/p')" \
    && clang -c -O2 -D "ICU_DATA=$symbol" /tmp/empty-icu-data.c -o /tmp/icu_packaged_data.cpp.o \
    && ar r "$library" /tmp/icu_packaged_data.cpp.o
WORKDIR /source
# The manifest alone decides what is fetched, so a change of our sources fetches nothing again.
COPY Package.swift ./
RUN swift package resolve
# The manifest names the test targets too, so their folders have to be there, though none of them is built.
COPY Sources Sources
COPY Tests Tests
RUN swift build --configuration release --product agentshield --static-swift-stdlib \
    && install -D --strip .build/release/agentshield /out/bin/agentshield \
    && install -D --mode 644 --target-directory /out/share/agentshield/models .build/release/agentshield_AgentShieldGateway.resources/Models/*

FROM ${RUNTIME_IMAGE}
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libssl3 libhiredis0.14 libpq5 liblz4-1 libsqlite3-0 zlib1g \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/apt /var/log/dpkg.log \
    && useradd --system --uid 10001 --user-group --home-dir /var/lib/agentshield --create-home --shell /usr/sbin/nologin agentshield
# The program, and the read-only models that it holds against its manifest when it starts.
COPY --from=build /out/bin/agentshield /usr/local/bin/agentshield
COPY --from=build /out/share/agentshield /usr/local/share/agentshield
# A number, so that Kubernetes can tell that it is not root.
USER 10001:10001
WORKDIR /var/lib/agentshield
# 8443: TLS (wire protocol, HTTP/2, HTTP/1.1). 8080: plain HTTP behind a proxy. 9090: health and metrics.
EXPOSE 8443 8080 9090
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["agentshield", "healthcheck", "--config", "/etc/agentshield/agentshield.yaml"]
STOPSIGNAL SIGTERM
CMD ["agentshield", "serve", "--config", "/etc/agentshield/agentshield.yaml"]
