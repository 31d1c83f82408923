# Two commands do everything from a fresh clone: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Distributions of this repository, which no index has.
PACKAGES := $(patsubst %/pyproject.toml,%,$(wildcard packages/*/pyproject.toml))
OURS := $(patsubst packages/%,--no-emit-package modelrollout-%,$(PACKAGES))
COMPILE := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	--no-header $(OURS)
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: demo demo-down test test-unit test-outcomes test-cluster test-e2e test-more image lint bench bench-sequences bench-outcomes bench-scale generate lock deps clean

demo: $(INSTALLED) deps ## run the product's main job on a real cluster (CLUSTER=local|current|kind)
	$(BIN)/python -m modelrollout_demo

demo-down: $(INSTALLED) ## take down what the demo left running
	$(BIN)/python -m modelrollout_demo --down

test: lint test-unit test-outcomes test-cluster ## what CI runs

test-unit: $(INSTALLED) ## pure logic, and calibration at fixed seeds
	$(BIN)/python -m pytest tests/unit tests/bench

test-outcomes: $(INSTALLED) deps ## the outcomes service on SQLite and a real PostgreSQL
	$(BIN)/python -m pytest tests/outcomes

test-cluster: $(INSTALLED) ## against a real API server
	$(BIN)/python -m pytest tests/cluster

test-e2e: $(INSTALLED) deps ## real pods, Envoy, Prometheus and BentoML services
	$(BIN)/python -m pytest tests/e2e/rollouts --numprocesses=3 --dist=loadfile -m "not alone"

test-more: $(INSTALLED) deps test-e2e ## what CI has no time for: real pods, and the local cluster killed at every stage
	$(BIN)/python -m pytest tests/e2e/rollouts -m alone
	$(BIN)/python -m pytest tests/e2e/test_localcluster.py

image: $(INSTALLED) deps ## the operator's image, built twice and compared, and its SBOM, in dist/
	$(BIN)/modelrollout-testkit release --output=dist

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/deptry --no-ansi operator
	cd packages/localcluster && deptry --no-ansi .
	cd packages/outcomes && deptry --no-ansi .
	cd packages/serving && deptry --no-ansi .
	cd packages/testkit && deptry --no-ansi .
	cd examples/demo && deptry --no-ansi .
	$(BIN)/python -m modelrollout.api.crd --check
	$(BIN)/python -m modelrollout.api.reference --check
	$(BIN)/python -m modelrollout.runtime.reference --check
	$(BIN)/python charts/sync.py --check

bench: $(INSTALLED) ## calibration, peers and cost of the evidence engine, printed as tables
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.simulation

bench-sequences: $(INSTALLED) ## pairs, segments and detectors of change on real data, beside river and Evidently
	$(PYTHON) -m venv .venv-bench
	$(BIN)/uv pip sync --quiet --python .venv-bench/bin/python --require-hashes requirements/bench.txt
	PYTHONPATH=.:operator:packages/contract .venv-bench/bin/python -m tests.bench.sequences

bench-outcomes: $(INSTALLED) ## predictions and truths a second, on a real PostgreSQL, beside a plain COPY
	$(BIN)/python -m tests.outcomes.bench

bench-scale: $(INSTALLED) ## what 50, 200 and 500 ramping rollouts cost, on a real API server
	$(BIN)/python -m tests.scale

generate: $(INSTALLED) ## what is generated from the models
	$(BIN)/python -m modelrollout.api.crd
	$(BIN)/python -m modelrollout.api.reference
	$(BIN)/python -m modelrollout.runtime.reference
	$(BIN)/python charts/sync.py

deps: $(INSTALLED) # Debian packages of the local cluster; does nothing where they are present
	$(BIN)/modelrollout-localcluster deps --install

lock: $(INSTALLED) ## resolve the dependencies anew
	$(COMPILE) --group dev --group examples pyproject.toml $(addsuffix /pyproject.toml,$(PACKAGES)) -o requirements/dev.txt
	$(COMPILE) -c requirements/dev.txt pyproject.toml -o requirements/operator.txt
	$(COMPILE) -c requirements/dev.txt packages/outcomes/pyproject.toml -o requirements/outcomes.txt
	$(COMPILE) -c requirements/dev.txt --group pyproject.toml:build -o requirements/build.txt
	$(COMPILE) -c requirements/dev.txt --group pyproject.toml:examples -o requirements/examples.txt
	$(COMPILE) -c requirements/dev.txt --group pyproject.toml:bench -o requirements/bench.txt
	printf 'uv' | $(COMPILE) -c requirements/dev.txt - -o requirements/uv.txt

$(INSTALLED): $(wildcard requirements/*.txt) pyproject.toml $(addsuffix /pyproject.toml,$(PACKAGES)) examples/demo/pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/uv.txt
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . $(addprefix -e ,$(PACKAGES)) -e examples/demo
	touch $@

clean:
	rm -rf $(VENV)
