# Each target is a line or two over uv; where uv is missing it is put into .tools/.
# Certificates are checked against the machine's own store, which knows a company's proxy, too.
export UV_SYSTEM_CERTS := true
UV := $(shell command -v uv || echo .tools/bin/uv)

.PHONY: demo test long sync check bench fuzz aarch64 docs

demo: sync
	$(UV) run --no-sync pye2 demo primes

test: sync
	$(UV) run --no-sync python tests/prepare_system.py
	$(UV) run --no-sync python tests/check.py && $(UV) run --no-sync python tests/run.py

long: sync
	PYE2_MODEL_CASES=100000 $(UV) run --no-sync python -m pytest -q --durations=5 pye2_plugins/pye2_wire/tests/test_wire_slow_model.py

check: sync
	$(UV) run --no-sync python tests/check.py

bench: sync
	$(UV) run --no-sync python -m benchmarks

fuzz:
	$(UV) sync --all-packages --inexact --group fuzz
	$(UV) run --no-sync python tests/fuzz/fuzz_run.py

aarch64: sync
	$(UV) run --no-sync python tests/aarch64/machine.py

docs: sync
	$(UV) run --no-sync python -m sphinx -W --keep-going -q docs build/docs

sync: $(UV)
	$(UV) sync --all-packages --inexact

.tools/bin/uv:
	python3 -m venv .tools && .tools/bin/pip install --quiet uv
