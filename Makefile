# The everyday commands. `make run` and `make test` install what they need first.

CARGO ?= cargo
VENV := .venv

.PHONY: run test test-rust test-apps lint setup setup-test bench fuzz

run: setup
	$(CARGO) build --release --bin vordr
	./target/release/vordr run rules/examples/quickstart.kdl

test: setup-test test-rust test-apps

test-rust:
	$(CARGO) test --workspace

test-apps: $(VENV)/ready
	$(CARGO) build --bin vordr
	$(VENV)/bin/python -m pytest tests/apps

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings

setup:
	@scripts/setup.sh build

setup-test: setup
	@scripts/setup.sh test

$(VENV)/ready: tests/apps/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --requirement tests/apps/requirements.txt
	touch $@

# Ten minutes for each parser; needs a nightly toolchain and cargo-fuzz.
FUZZ_SECONDS ?= 600
fuzz:
	mkdir -p rules/fuzz/corpus/load
	cp rules/tests/faulty/*.kdl rules/examples/*.kdl rules/fuzz/corpus/load/
	cd rules && for target in load find; do \
		$(CARGO) +nightly fuzz run $$target -- -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=10 || exit 1; \
	done

# CPU per request and memory per stream beside a bare Pingora, nginx and haproxy, in one run.
bench: setup
	@scripts/setup.sh bench
	$(CARGO) build --release --bin vordr
	cd bench && $(CARGO) build --release
	bench/run.py
	bench/run.py websockets
