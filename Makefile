# doorward: two commands do everything from a fresh clone.
#   make demo   the daemon's real job on recorded scenes, with a simulated relay
#   make test   all tests
# and make demo-web the same with the local page in a browser.
# They need Rust, Python 3 and make; everything else they fetch from crates.io and PyPI.

RUNTIME := .runtime
PYTHON ?= python3
CARGO ?= cargo
# ONNX Runtime sends usage data from 1.29 on; the pinned version does not, a replaced one must not.
export ORT_DISABLE_TELEMETRY = 1

.PHONY: demo demo-web fleet-demo test test-fleet home-assistant test-web test-web-real test-data test-attacks fuzz import-trial build runtime lint doc models deb deb-arm64 vm test-vm test-arm64 peers clean

demo: runtime
	@echo "Building doorward: some minutes the first time, a moment after that ..."
	$(CARGO) build --release --bin doorward --example demo
	@$${CARGO_TARGET_DIR:-target}/release/examples/demo

# The same scenes in a loop, and the page that shows what happens; ends by Ctrl-C.
demo-web: runtime
	@echo "Building doorward: some minutes the first time, a moment after that ..."
	$(CARGO) build --release --bin doorward --example demo-web
	@$${CARGO_TARGET_DIR:-target}/release/examples/demo-web

# A hub and three doors on this machine, told scene by scene.
fleet-demo:
	$(CARGO) run --example fleet-demo

# A test that cannot run on this machine says SKIPPED; DOORWARD_REQUIRE="namespace vm" names
# what must be here, so that it fails instead.
test: runtime
	$(CARGO) test

# The bridge and the fleet with a real broker, promtool, PostgreSQL and Home Assistant, on loopback
# (Debian: mosquitto, mosquitto-clients, prometheus, postgresql; Home Assistant from PyPI, where there
# is a Python 3.13); it fails where one of Debian's is not here.
# DOORWARD_FLEET_ROUNDS=200 kills and restores a hub for longer.
FLEET_REQUIRE ?= mosquitto promtool postgres
test-fleet: runtime home-assistant
	DOORWARD_REQUIRE="$(FLEET_REQUIRE) $(DOORWARD_REQUIRE)" $(CARGO) test --test bridge --test bridge_fleet --test home_assistant --test fleet --test fleet_store --test fleet_torture --test fleet_verify

home-assistant:
	@tests/home-assistant/install.sh

# Tests that need the research data in ../shared; they fail without it.
test-data: runtime
	DOORWARD_REQUIRE=data $(CARGO) test --release --test cohort -- --ignored --nocapture

# Made-up pictures of faces before the real eye, many of each kind: which check refuses which.
# DOORWARD_ATTACKS="hand,screen" shows the kinds with these words in their name.
test-attacks: runtime
	$(CARGO) test --release --test attacks -- --nocapture

# Made-up input for whatever reads input from outside, FUZZ_SECONDS for each target.
FUZZ_SECONDS ?= 60
FUZZERS := configuration manifest clip mjpeg guardian record control sync command answer
fuzz:
	@target/tools/bin/cargo-fuzz --version 2>/dev/null | grep -qwF 0.13.1 || $(CARGO) install --quiet --locked --root target/tools --target-dir target/tools/target cargo-fuzz@0.13.1
	PATH=$(CURDIR)/target/tools/bin:$$PATH $(CARGO) fuzz build --sanitizer none
	@for target in $(FUZZERS); do echo "fuzz: $$target, $(FUZZ_SECONDS) s"; \
	    PATH=$(CURDIR)/target/tools/bin:$$PATH $(CARGO) fuzz run --sanitizer none $$target -- \
	        -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1024 -max_len=65536 >target/fuzz-$$target.log 2>&1 || { tail -20 target/fuzz-$$target.log; exit 1; }; \
	    tail -1 target/fuzz-$$target.log; done

# Somebody's own FaceNet, tried with a frozen graph of random weights.
import-trial: build
	$(PYTHON) models/import_trial.py

build: runtime
	$(CARGO) build --release

runtime:
	@$(PYTHON) models/fetch_runtime.py $(RUNTIME)

# The service on a real kernel with virtual cameras and GPIO; needs root and a Debian host, see tests/vm.
# SCENARIOS="door service/check" runs some of them.
VM_CACHE ?= $(HOME)/.cache/doorward-vm
vm:
	tests/vm/build.sh $(VM_CACHE)

test-vm: deb
	$(CARGO) build --release --example feed --example freeze --example loopback --example typist --example flood --example demo
	@[ -d demo/scenes/6-photo ] || target/release/examples/demo >/dev/null
	DOORWARD_VM_CACHE=$(VM_CACHE) tests/vm/run.sh $(SCENARIOS)

# The local page in headless Chromium, on a phone and a desktop; see tests/web.
test-web: runtime
	$(CARGO) build --example page
	tests/web/run.sh

# The same with the real daemon, before whose camera the demo's scenes are.
test-web-real: runtime
	$(CARGO) build --release --bin doorward --example demo-web
	tests/web/run.sh real

# The Debian packages, in target/debian.
deb:
	packaging/build.sh

deb-arm64:
	packaging/build.sh arm64

# The arm64 package's program under qemu beside this machine's.
test-arm64: deb deb-arm64
	$(CARGO) build --release --example demo
	tests/aarch64/run.sh

# doorward beside other programs on the same frames; see benches/peers/README.md.
peers: build
	$(PYTHON) benches/peers/run.py

lint:
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --all-targets -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps

# Rebuilds the networks from the published weights; only needed when the recipe changes.
models:
	$(PYTHON) models/build.py

clean:
	$(CARGO) clean
	rm -rf $(RUNTIME) demo
