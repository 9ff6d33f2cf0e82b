# The only entry points; .ci/run calls the same ones.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
# tests/kubernetes has a real API server and judges, built with Go once. Where they cannot be they are not run, and `make test` says so.
KUBERNETES := $(shell command -v etcd >/dev/null && { command -v go >/dev/null || ls -d $${MESHGEN_CACHE:-$$HOME/.cache/meshgen}/apiextensions-apiserver* $${MESHGEN_CACHE:-$$HOME/.cache/meshgen}/judge-istiod-*; } >/dev/null 2>&1 && echo yes)

.PHONY: demo test check golden bench docs clean

$(VENV)/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "meshgen needs Python 3.11 or newer on the PATH"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) --editable '.[dev]'
	@touch $@

demo: $(VENV)/.installed ## Compile examples/storefront and show what a change of the canary's weight does
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/storefront/demo.sh

# tests/envoy has an Envoy of each release that is known, installed once, and tests/kubernetes an API server. What cannot be there is not run.
test: $(VENV)/.installed-dev ## Install and run all tests
	@marks="$(if $(KUBERNETES),,not kubernetes)"; envoys=yes; \
	$(BIN)/python tests/envoy/releases.py || { envoys=; marks="$${marks:+$$marks and }not releases"; }; \
	$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup -m "$$marks" $(ARGS); status=$$?; \
	test -n "$(KUBERNETES)" || echo "not run: tests/kubernetes, which needs etcd and Go (see tests/kubernetes/README.md)"; \
	test -n "$$envoys" || echo "not run: tests/envoy/test_every_release.py, which installs older releases of Envoy once"; \
	exit $$status

check: $(VENV)/.installed-dev ## Lint, types, import law, spelling, generated files and goldens
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/typos
	$(BIN)/python tools/generate_istio.py --check
	$(BIN)/python tools/generate_docs.py --check
	$(BIN)/python -m meshgen.testing.golden golden examples

golden: $(VENV)/.installed-dev ## Update the goldens and print what changed; look at it before you accept it
	$(BIN)/python -m meshgen.testing.golden --update golden examples
	@git --no-pager diff --stat -- golden examples
	@git --no-pager diff -- golden examples

docs: $(VENV)/.installed-dev ## Write the generated pages under docs/
	$(BIN)/python tools/generate_docs.py

bench: $(VENV)/.installed-dev ## Measure, as ratios in one run; docs/benchmarks.md keeps the result
	$(BIN)/python benchmarks/run.py $(ARGS)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis demo
