# The everyday commands. `make run` and `make test` install what they need first.

CARGO ?= cargo

.PHONY: run test test-rust test-apps test-container test-tls soak soak-pool soak-mixed smuggling-elsewhere test-dashboards dashboards lint audit advisories setup setup-test setup-container bench fuzz

run: setup
	$(CARGO) build --release --bin vordr
	./target/release/vordr run rules/examples/quickstart.kdl

test: setup-test test-rust test-apps test-dashboards

test-rust:
	$(CARGO) test --workspace

test-apps: .venv/apps/ready
	$(CARGO) build --bin vordr
	.venv/apps/bin/python -m pytest tests/apps

# The dashboards and the alerts, asked of Debian's Prometheus while vordr is under load.
test-dashboards: .venv/dashboards/ready
	$(CARGO) build --bin vordr
	.venv/dashboards/bin/python -m pytest tests/dashboards

# Writes the dashboards from their source.
dashboards:
	python3 -B deploy/grafana/source/build.py

# The image and the compose file, in a container engine of the test's own; needs root, and minutes for the build.
test-container: setup-container .venv/container/ready
	.venv/container/bin/python -m pytest tests/container

# testssl.sh against a vordr with its defaults: nothing graver than "info" is to be found. Takes minutes.
test-tls: setup
	@scripts/setup.sh tls
	$(CARGO) build --bin vordr --target-dir target
	scripts/test-tls.sh $(CURDIR)/target/debug/vordr

# Reloads under a load that a small machine just carries, a thousand in a row, and a hundred kills; metrics of ten
# thousand routes; then a pool whose servers come and go: five minutes.
soak: setup-test
	SOAK_REQUESTS=500 SOAK_WEBSOCKETS=500 SOAK_MESSAGE_EVERY_MS=1000 SOAK_EVENT_STREAMS=50 SOAK_UPLOADS=10 \
	SOAK_RELOADS=100 SOAK_SECONDS=60 SOAK_DRAIN_SECONDS=8 SOAK_REPEATED=1000 SOAK_KILLS=100 SOAK_ROUTES=10000 \
	$(CARGO) test --release --package vordr --test e2e -- reload_under_load reload_repeated reload_killed metrics_many \
		--test-threads=1 --nocapture
	$(MAKE) soak-pool

# A pool of three real servers that are restarted under load, and one that is frozen: two minutes.
soak-pool: .venv/apps/ready
	$(CARGO) build --release --bin vordr --target-dir target
	SOAK_RATE=200 SOAK_SECONDS=60 SOAK_VORDR=target/release/vordr \
	.venv/apps/bin/python -m pytest -s tests/apps/test_pool.py

# Everything at once for ten minutes, reloads and clients that mean no good among it; what vordr holds is told each minute.
soak-mixed: setup-test
	SOAK_ROUNDS=10 SOAK_ROUND_SECONDS=60 SOAK_VISITORS=4 SOAK_REQUESTS=200 SOAK_WEBSOCKETS=200 \
	SOAK_MESSAGE_EVERY_MS=1000 SOAK_EVENT_STREAMS=50 SOAK_UPLOADS=10 \
	$(CARGO) test --release --package vordr --test e2e -- soak_mixed --nocapture

# What nginx and haproxy make of the requests and answers that somebody once read in two ways; minutes.
smuggling-elsewhere: setup-test
	$(CARGO) test --package vordr --test e2e -- --ignored --nocapture smuggling_elsewhere

# The fuzz targets are workspaces of their own, and borrow files of vordr's: nothing else would tell that they no longer fit.
lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings
	$(CARGO) check --quiet --manifest-path rules/fuzz/Cargo.toml
	$(CARGO) check --quiet --manifest-path proxy/fuzz/Cargo.toml

# Whether all that vordr is made of may be a part of it: licences, sources and bans, as deny.toml has them.
audit: .venv/audit/ready
	PATH="$(CURDIR)/.venv/audit/bin:$$PATH" $(CARGO) deny --all-features check licenses bans sources

# Whether anything is known against it.
advisories: .venv/audit/ready
	@scripts/advisories.sh

setup:
	@scripts/setup.sh build

setup-test: setup
	@scripts/setup.sh test

# Only root can start an engine; for others the tests say so and are skipped.
setup-container: setup
	@[ "$$(id -u)" != 0 ] || scripts/setup.sh container

.venv/%/ready: tests/%/requirements.txt
	python3 -m venv $(@D)
	$(@D)/bin/pip install --quiet --requirement $<
	touch $@

# Every parser of what strangers and operators write, FUZZ_SECONDS each: `make fuzz-proxy-heads` is one of them. Needs
# cargo-fuzz; RUSTC_BOOTSTRAP lets the compiler that is pinned use its sanitizer, so that no nightly one is needed.
FUZZ_SECONDS ?= 600
FUZZ_RULES := parse load nginx find
FUZZ_PROXY := heads chunks proxy_headers websocket_frames http2_frames http2_heads admission files tokens
FUZZ = mkdir -p fuzz/corpus/$* && RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run $* fuzz/corpus/$*
FUZZ_LIMITS = -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=10

fuzz: $(FUZZ_RULES:%=fuzz-rules-%) $(FUZZ_PROXY:%=fuzz-proxy-%)

fuzz-rules-nginx: FUZZ_SEEDS := tests/nginx/read tests/nginx/broken
fuzz-rules-%: FUZZ_SEEDS := tests/faulty examples
fuzz-rules-%:
	cd rules && $(FUZZ) $(FUZZ_SEEDS) -- $(FUZZ_LIMITS)

fuzz-proxy-%:
	cd proxy && $(FUZZ) fuzz/seeds/$* -- $(FUZZ_LIMITS)

# CPU per request and memory per stream beside a bare Pingora, nginx and haproxy, in one run.
bench: setup
	@scripts/setup.sh bench
	$(CARGO) build --release --bin vordr --target-dir target
	cd bench && $(CARGO) build --release --target-dir target
	bench/run.py
	bench/run.py websockets
	bench/run.py handshakes
	bench/run.py certificates
	bench/run.py observing
	bench/run.py routes
	bench/run.py start
