# Everything a person runs here; `make help` lists it. All of it lives in .venv, nothing is installed elsewhere
# (but `make test` and `make bench` may apt-get a compiler and sound servers when they run as root).

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
VENV ?= .venv
RUN = $(VENV)/bin/python
PIP = $(RUN) -m pip --disable-pip-version-check install -qq -c constraints.txt $(PIP_ARGS)
WORKERS ?= auto
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench soak quality figures screenshots clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.demo ## cleans the bundled recordings: table, before/after WAVs and a picture in demo-output/
	@$(RUN) -m benchmarks demo

test: $(VENV)/.test ## installs what the tests need, then runs all of them (TESTS="-k name" for some)
	@OMP_NUM_THREADS=1 $(RUN) -m pytest -n $(WORKERS) --dist loadfile \
		$$($(RUN) -c 'import PyQt6.QtWidgets' 2>/dev/null || echo -p no:pytest-qt) $(TESTS)

lint: $(VENV)/.test ## ruff and mypy, as the pre-commit hooks run them
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy

format: $(VENV)/.test ## puts imports and layout in order
	@$(RUN) -m ruff check --fix-only --quiet .
	@$(RUN) -m ruff format --quiet .

bench: $(VENV)/.bench ## speed, memory and live cost beside DeepFilterNet3 and RNNoise, each in one run
	@$(RUN) -m benchmarks speed
	@[ "$$(uname)" != Linux ] || $(RUN) -m benchmarks live-cost

soak: $(VENV)/.bench ## the live engine for ten minutes (SOAK="--minutes 60" for longer), then the window for forty: what grows?
	@$(RUN) -m benchmarks live-soak $(SOAK)
	@$(RUN) -m benchmarks gui-soak

quality: $(VENV)/.demo ## fails where the demo clips score less than when the model was shipped (seconds)
	@$(RUN) -m benchmarks golden

figures: $(VENV)/.bench ## after a new model: measures everything again and writes it into README and docs
	@$(RUN) -m benchmarks golden --write
	@$(RUN) -m benchmarks peer-quality --write
	@$(RUN) -m benchmarks speed --write

screenshots: $(VENV)/.bench ## pictures of the window with live sound into docs/images/gui/ (three minutes of a quiet machine)
	@sh tools/system_packages.sh pictures
	@$(RUN) -m benchmarks screenshots

clean: ## removes .venv, demo-output and caches
	rm -rf $(VENV) demo-output .pytest_cache .hypothesis .mypy_cache .ruff_cache build dist
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# Stamps: an environment is installed once and again only when what it is made from changes.
$(VENV)/.demo: EXTRAS = eval
$(VENV)/.test: EXTRAS = eval,video,live,gui,train,cluster,dev
$(VENV)/.bench: EXTRAS = eval,video,live,gui,dev,peers
$(VENV)/.test $(VENV)/.bench: SYSTEM = install

$(VENV)/.demo $(VENV)/.test $(VENV)/.bench: pyproject.toml constraints.txt
	@sh tools/system_packages.sh $(or $(SYSTEM),check)
	@echo "installing enhancer[$(EXTRAS)] into $(VENV) (a minute or two, once)"
	@$(RUN) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(PIP) -e '.[$(EXTRAS)]'
	@touch $@
