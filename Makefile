# Every command of the project. `make help` lists them.

PYTHON := .venv/bin/python
STAMP := .venv/.installed
PYTEST_ARGS ?= -n auto --dist loadgroup

.DEFAULT_GOAL := help
.PHONY: help setup run test quick lint bench chaos fuzz sbom audit lock clean

help: ## List the commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 14

setup: $(STAMP) ## Make .venv with exactly the locked packages (nothing to do if nothing changed)

$(STAMP): requirements.lock
	@tests/machine/environment.sh .venv requirements.lock
	@touch $(STAMP)

run: setup ## Serve the demo: portal, VerifEye sandbox and a relying party that plays Okta
	@$(PYTHON) -m portal.sandbox.demo

test: setup ## Run every test, after installing what this machine lacks for them
	@tests/machine/prepare.sh
	$(PYTHON) -m pytest $(PYTEST_ARGS)

quick: setup ## Run the tests on what is there, installing nothing
	$(PYTHON) -m pytest $(PYTEST_ARGS)

lint: setup ## Check style, types and the direction of imports
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports

bench: setup ## Measure the portal beside its peers (ARGS="--quick", "--only …"; docs/performance.md)
	$(PYTHON) -m benchmarks.run $(ARGS)

CHAOS_MINUTES ?= 30

chaos: setup ## Kill a part of the site each minute, under load, and show that nothing is lost (CHAOS_MINUTES, 30)
	CHAOS_MINUTES=$(CHAOS_MINUTES) $(PYTHON) -m benchmarks.chaos $(CHAOS_ARGS)

FUZZ_SECONDS ?= 120

fuzz: .venv-fuzz/.installed ## Fuzz the parsers and the described API (FUZZ_SECONDS for each, 120)
	.venv-fuzz/bin/python -m tests.fuzz.run $(FUZZ_SECONDS)
	.venv-fuzz/bin/python -m tests.fuzz.api $(FUZZ_SECONDS)

sbom: .venv-fuzz/.installed ## List what production is made of (CycloneDX) in sbom.json
	.venv-fuzz/bin/cyclonedx-py requirements requirements-production.lock --pyproject pyproject.toml --output-reproducible -o sbom.json

audit: .venv-fuzz/.installed ## Ask PyPI's advisories about every locked package; says so where it cannot
	.venv-fuzz/bin/python tests/machine/audit.py requirements-production.lock

.venv-fuzz/.installed: requirements-security.lock
	@tests/machine/environment.sh .venv-fuzz requirements-security.lock
	@touch $@

lock: setup ## Write the lock files anew from pyproject.toml
	@tests/machine/lock.sh

clean: ## Remove everything that the commands above made
	rm -rf .venv .venv-fuzz .fuzz .bench .schemathesis sbom.json .demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis tests/interop/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
