# The commands of this repository. Each makes its own environment in .venv and needs Python 3.11 or newer.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo test bench check check-format check-lint check-types check-imports format clean

help:
	@echo "make demo    train a line, with a progress bar, and save its pictures"
	@echo "make test    run the tests; those that compare with PyTorch are skipped where it is not installed"
	@echo "make bench   measure side by side with PyTorch and write docs/performance.md; ARGS='--help' says more"
	@echo "make check   formatting, lint, types, and who imports whom"
	@echo "make format  put the code into the form that 'make check' asks for"
	@echo "make clean   remove .venv and all that the tools leave behind"

demo: $(VENV)/.examples
	$(BIN)/python examples/linear_regression.py --out pictures

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(ARGS)

bench: $(VENV)/.oracle $(VENV)/.examples
	$(BIN)/python -m benchmarks $(ARGS)

check: check-format check-lint check-types check-imports

check-format: $(VENV)/.dev
	$(BIN)/ruff format --check .

check-lint: $(VENV)/.dev
	$(BIN)/ruff check .

check-types: $(VENV)/.dev
	$(BIN)/mypy

check-imports: $(VENV)/.dev
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache pictures *.egg-info

# .venv/.NAME says that the package is installed with its extra NAME, as pyproject.toml describes it now.
$(VENV)/.%: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
