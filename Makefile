# Every target does its own set-up. `make help` lists them.

VENV := .venv
PYTHON ?= python3
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
PYTEST := $(PY) -m pytest -q --dist loadfile
JOBS ?= 2
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' operator/crm_monitoring/__init__.py)
IMAGE ?= crm-monitoring-operator:$(VERSION)
SAMPLE_IMAGE ?= crm-monitoring-sample:$(VERSION)
PYTHON_OF_IMAGE ?= 3.13

export PYTHONPATH := tools

.DEFAULT_GOAL := help
.PHONY: help setup tools lint types unit integration test loop reliability mutation generate requirements demo bench image sample-image wheelhouse image-test e2e manifests sbom clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Make .venv with pinned packages

$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "Setting up $(VENV) with pinned packages (about a minute, once)" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --disable-pip-version-check --progress-bar off --require-hashes -r requirements/dev.txt \
		| awk '/^Collecting/ {printf "  %s\n", $$2; fflush()} /^Installing/ {print "  installing"; fflush()}' >&2
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

tools: $(READY) ## Build the real components (kube-apiserver, Prometheus, ...) into the cache: 10 to 20 minutes once
	@$(PY) -m testbed build

lint: $(READY) ## Style, import layers
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(VENV)/bin/lint-imports

types: $(READY) ## mypy --strict
	@$(PY) -m mypy

unit: $(READY) ## Fast tests, without the control plane
	@$(PYTEST) -n $(JOBS) -m "not integration and not mutation and not image and not reliability"

integration: tools ## Tests on the real kube-apiserver and prometheus-operator
	@$(PYTEST) -n $(JOBS) -m "integration and not full_loop and not reliability"

test: lint types tools ## Everything: lint, types, unit, golden and integration tests
	@$(PYTEST) -n $(JOBS) -m "not mutation and not full_loop and not reliability"

loop: tools ## Break a running CRM in every way that an alert is for, and follow each alert to its receivers (4 minutes)
	@$(PY) -m pytest -q -s -m loop

reliability: tools ## Do everything to the operator that could happen to it, and judge what it leaves: make reliability [ONLY=crash]
	@rm -f dist/reliability/$(ONLY)*.jsonl
	@failed=0; $(PY) -m pytest -q -m reliability tests/reliability/test_$(ONLY)*.py || failed=1; \
		$(PY) tools/reliability_report.py $(if $(ON),--on "$(ON)") || failed=1; exit $$failed

mutation: tools ## Seed sixty faults into the rules; each must be noticed by a case (minutes)
	@$(PYTEST) -n $(JOBS) -m mutation

generate: $(READY) ## Write crds/, docs/reference/, docs/runbooks/ and the examples' rendered/
	@$(PY) tools/generate.py

requirements: $(READY) ## Compile requirements/*.in to pinned and hashed *.txt
	@for name in build operator dev sample; do $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --no-header requirements/$$name.in -o requirements/$$name.txt; done

demo: ## See it work on a real API server: make demo [QUICK=1] [KEEP=1] [CONTEXT=kind-x]
	@cat tools/demo/opening.txt
	@$(MAKE) --no-print-directory --quiet $(READY)
	@PYTHONPATH=tools:tests $(PY) -m demo $(if $(QUICK),--quick) $(if $(KEEP),--keep) $(if $(CONTEXT),--context $(CONTEXT))

bench: tools ## Measure the operator on the real API server: make bench [SIZES="100 1000"] [LARGE=1]
	@$(PY) -m bench $(SIZES) $(if $(LARGE),--large)

image: ## Build the container image: make image [IMAGE=name:tag] [BASE_IMAGE=name]; with ./wheelhouse without an index
	docker build --tag $(IMAGE) --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null || echo unknown) \
		$(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE)) $(if $(wildcard wheelhouse),--build-arg PIP_NO_INDEX=1) .

sample-image: ## Build the image of examples/sample-crm: make sample-image [SAMPLE_IMAGE=name:tag] [BASE_IMAGE=name]
	docker build --tag $(SAMPLE_IMAGE) --file examples/sample-crm/Dockerfile \
		$(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE)) $(if $(wildcard wheelhouse),--build-arg PIP_NO_INDEX=1) .

wheelhouse: $(READY) ## Fetch the images' wheels into ./wheelhouse: make wheelhouse [PYTHON_OF_IMAGE=3.13]
	@$(PY) -m testbed.wheelhouse wheelhouse $(PYTHON_OF_IMAGE)

image-test: $(READY) ## Build the images and run them with nothing; installs Debian's docker.io when no engine is there (root)
	@CRM_MONITORING_INSTALL_ENGINE=1 $(PYTEST) -m image

e2e: tools ## The stories of tests/e2e on kind: make e2e [KIND_NODE_IMAGE=name] [E2E_KUBECONFIG=file E2E_IMAGE=name:tag E2E_SAMPLE_IMAGE=name:tag]
	@$(PY) -m e2e

manifests: $(READY) ## Write dist/crm-monitoring-operator.yaml, for kubectl apply: make manifests [IMAGE=name:tag] [FLAGS="--set replicas=1"]
	@mkdir -p dist
	@$(PY) tools/chart_manifests.py $(IMAGE) $(FLAGS) > dist/crm-monitoring-operator.yaml
	@echo "dist/crm-monitoring-operator.yaml"

sbom: $(READY) ## Write dist/sbom.cdx.json: which Python packages the operator consists of (CycloneDX)
	@mkdir -p dist
	@$(PY) tools/sbom.py > dist/sbom.cdx.json
	@echo "dist/sbom.cdx.json"

clean: ## Remove .venv and caches of this folder; built components stay in the cache
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
