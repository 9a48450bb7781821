# Every target is one script or one command; `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help run demo build test replicas resume chaos test-clients hardening bench bench-peers bench-overload bench-curves bench-sizes soak costs bench-programs bench-flame bench-tls bench-redis bench-scrub bench-arbitrage ground-truth fuzz fuzz-smoke image format lint clean

release := .build/release/agentshield
SWIFT_SOURCES := Package.swift Sources Tests examples
bench := .build/release/gateway-bench
# Where benchmarks write their figures; `make bench FIGURES=` only prints them.
FIGURES ?= --output docs/performance
SECONDS ?= 600
MINUTES ?= 60
# Rounds of `make chaos`.
ROUNDS ?= 200
# Seconds that `make fuzz` gives to each target.
TIME ?= 600

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

run: build ## build, then start a gateway on this machine with everything it needs built in
	@$(release) dev

demo: build ## build, then show one conversation's way through the gateway, and end
	@Scripts/demo

build: ## build the release binary, .build/release/agentshield
	@Scripts/install-dependencies
	swift build --configuration release --product agentshield
	swift build --configuration release --product scripted-provider

test: ## install what tests need, run them all, end with a count
	@Scripts/test

replicas: ## run 50 gateways on one Redis, and print what they admit together
	@Scripts/replicas

resume: ## cut the connections of COUNT resumable streams (1000), drain and kill their gateways, and count those that are not whole
	@Scripts/resume $(COUNT)

chaos: ## kill gateways under load, ROUNDS times (200) with each kind of store, and check the ledger after each
	@Scripts/chaos $(ROUNDS)

test-clients: ## only the clients in other languages: C, Python (also the vendors' own), curl
	@Scripts/install-dependencies --test
	swift build
	@Scripts/test-clients

hardening: build ## attack the gateway with h2load, slowhttptest and sslyze, and write the figures into docs/hardening.md
	@Scripts/install-dependencies --hardening
	@Scripts/hardening

bench: bench-programs ## measure the gateway beside nginx and HAProxy, on one core; writes docs/performance/gateway.md
	$(bench) requests $(FIGURES)

bench-peers: bench-programs ## measure LiteLLM's proxy beside the gateway; writes docs/performance/peers.md
	@Scripts/bench-peers $(FIGURES)

bench-overload: bench-programs ## half a core, 512 MiB, twice the load for SECONDS (600); writes docs/performance/overload.md
	$(bench) overload --seconds $(SECONDS) $(FIGURES)

bench-curves: bench-programs ## what a request costs beside 10,000 connections, 100,000 keys, 1,000 models; writes docs/performance/curves.md
	$(bench) curves $(FIGURES)

bench-sizes: bench-programs ## bytes on the wire beside JSON over HTTP; writes docs/performance/wire-sizes.md
	$(bench) sizes $(FIGURES)

soak: bench-programs ## how memory grows in MINUTES (60) of load, at RATE requests/s (half of what it can do); writes docs/performance/soak.md
	$(bench) soak --minutes $(MINUTES) $(if $(RATE),--rate $(RATE)) $(FIGURES)

costs: bench-programs ## allocations and instructions of a request, held against the committed ones
	@Scripts/check-costs .build/release

bench-programs: build
	@Scripts/install-dependencies --bench
	swift build --configuration release --product gateway-bench

bench-flame: ## watch the running gateway PID for ten seconds, and draw where its CPU goes, into the file SVG
	@Scripts/flame-graph $(PID) $(SVG)

bench-tls: ## measure swift-nio-ssl beside a handler over libssl
	@Scripts/install-dependencies --bench
	swift build --configuration release --product gateway-bench
	.build/release/gateway-bench tls

bench-redis: ## measure what admitting and settling a request costs Redis, with and without wallets
	@Scripts/install-dependencies --bench
	swift build --configuration release --product gateway-bench
	.build/release/gateway-bench redis

bench-scrub: ## measure the scrubbing engine beside ripgrep and Python, on one thread; writes docs/performance/scrubbing.md
	@Scripts/install-dependencies --bench
	swift build --configuration release --product scrub-bench
	.build/release/scrub-bench run $(if $(FIGURES),--write docs/performance)

bench-arbitrage: ## measure what a decision among models costs, and that it allocates nothing
	swift build --configuration release --product arbitrage-bench
	.build/release/arbitrage-bench

ground-truth: ## measure what scrubbing finds and misses, against other people's generators and this machine's files
	@Scripts/install-dependencies --test
	@Scripts/ground-truth

fuzz: ## search for crashing inputs, TIME seconds a target (600)
	@Scripts/install-dependencies
	@Scripts/fuzz --seconds $(TIME)

fuzz-smoke: ## replay known inputs and search for a few seconds
	@Scripts/install-dependencies
	@Scripts/fuzz --smoke

image: ## build the container image, run it once, print its size
	@Scripts/build-image

format: ## rewrite our Swift files in the project's format
	swift format format --in-place --recursive --parallel $(SWIFT_SOURCES)

lint: ## say where our Swift files leave the project's format
	swift format lint --strict --recursive --parallel $(SWIFT_SOURCES)

clean: ## delete everything that was built
	rm -rf .build .build-* Tests/Fuzz/.build examples/.build
