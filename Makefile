# make demo   sets everything up and shows a radiograph's whole way   (ONCE=1, STUDIES=FOLDER)
# make test   every check there is                                    (REQUIRE_PEERS=1)
# make report puts what saved training runs found into one file        (RUNS=, REPORT=)
# make lock   pins the newest versions that fit pyproject.toml (needs uv)
PYTHON ?= python3
BIN := .venv/bin
# Twice the cores of a small machine: tests that wait for servers leave room for others. The slowest
# folders come first; the tests of one file stay in one process and share its servers.
# Beside the browser's tests runs only what gives way to them (nice): a page that waits for its turn
# tells nothing.
WORKERS ?= 4
# One core for each: threads that wait in turns for two cores spin half of the time away.
export OMP_NUM_THREADS ?= 1
export OMP_WAIT_POLICY ?= passive

# The tests that start no servers that others wait for.
BESIDE := tests/unit tests/conformance $(wildcard tests/integration/test_training_*.py)

.PHONY: demo test report setup setup-test peers check check-beside check-code check-pages lock clean

demo: setup
	$(BIN)/hilum demo $(if $(ONCE),--once) $(if $(STUDIES),--studies "$(STUDIES)")

test: setup-test peers
	$(MAKE) --no-print-directory check

check:
	$(MAKE) --no-print-directory -j2 --output-sync=target check-beside check-pages
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder \
	  $(addprefix --ignore=,tests/browser $(BESIDE))

check-beside: check-code
	nice -n 10 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(BESIDE)

check-code:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check-pages:
	$(BIN)/python -m pytest tests/browser

setup: .venv/.runtime
setup-test: .venv/.test
peers:
	@sh tests/install_peers.sh

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Hilum needs Python 3.11 or newer; name one with make PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { rm -rf .venv; echo "python3-venv is missing; on Debian or Ubuntu: apt-get install python3-venv"; exit 1; }

# --no-deps: everything that is needed stands in the pinned, hashed file, and what was left out of it
# (openvino-telemetry reports the use of OpenVINO to its makers) does not come by another way.
.venv/.runtime: requirements.lock pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.test: requirements-test.lock pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement requirements-test.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@ .venv/.runtime

LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
        --no-emit-package openvino-telemetry
lock:
	$(LOCK) --upgrade -o requirements.lock
	$(LOCK) --upgrade --extra test -c requirements.lock -o requirements-test.lock

RUNS ?= var/runs
REPORT ?= var/report
report: setup
	$(BIN)/hilum train report --runs "$(RUNS)" --out "$(REPORT)"

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
