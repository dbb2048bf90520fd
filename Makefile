# Two commands do everything on a machine with git, make and Python:
#
#   make demo    install, prepare folk tunes, train a melody model on them,
#                evaluate it, export it and let it play; results in ./demo
#   make test    install, then run the tests: some ten minutes on two cores
#
# Both create .venv with the newest suitable Python; choose another one with
# `make test PYTHON=/path/to/python3.12`.

VENV ?= .venv
DEMO ?= demo
SEED ?= 1
# How many test processes: each one loads TensorFlow (about 1 GB).
WORKERS ?= 2
PYTEST_FLAGS ?=
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(PYTEST_FLAGS)

FIND_PYTHON = for python in python3.13 python3.12 python3.11 python3 python; do \
	if $$python -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; \
	then echo $$python; break; fi; done
PYTHON ?= $(shell $(FIND_PYTHON))

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

export TF_CPP_MIN_LOG_LEVEL ?= 2
export PIP_DISABLE_PIP_VERSION_CHECK ?= 1

.PHONY: help install demo test slow lint type format wheel clean
.DELETE_ON_ERROR:

help:
	@echo "make demo    prepare, train, evaluate, export, generate; into ./$(DEMO)"
	@echo "make test    the tests that take less than ten seconds each"
	@echo "make slow    the others: recipes end to end, many processes, the wheel"
	@echo "make lint    ruff: rules and format"
	@echo "make type    mypy over the package"
	@echo "make format  let ruff rewrite what it can"
	@echo "make wheel   build dist/magenta_lite-*.whl"
	@echo "make clean   remove what the above made, ./$(DEMO) and $(VENV) too"

install: $(INSTALLED)

$(INSTALLED): setup.py
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 to 3.13 with the" \
	  "module venv on PATH; name one: make PYTHON=/path/to/python3.12" >&2; \
	  exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	@echo "Installing magenta_lite and what it needs; some minutes, once."
	$(BIN)/python -m pip install --quiet --progress-bar=on --editable ".[corpus,dev]"
	@touch $@

demo: $(INSTALLED)
	$(BIN)/python bin/prepare.py --dataset=folk_tunes --data_dir=$(DEMO)/data
	$(BIN)/python bin/train.py --gin_file=recipes/melody_rnn/demo.gin \
	  --dataset=folk_tunes --data_dir=$(DEMO)/data --run_dir=$(DEMO)/run
	$(BIN)/python bin/evaluate.py --run_dir=$(DEMO)/run --dataset=folk_tunes \
	  --data_dir=$(DEMO)/data --output_json=$(DEMO)/evaluation.json
	$(BIN)/python bin/export.py --run_dir=$(DEMO)/run \
	  --bundle_file=$(DEMO)/demo.mag --overwrite
	$(BIN)/python bin/generate.py --bundle_file=$(DEMO)/demo.mag \
	  --output_dir=$(DEMO)/music --num_outputs=4 --num_steps=128 \
	  --primer_melody="[62, -2, 66, -2, 69, -2, 66, -2]" \
	  --seed=$(SEED) --formats=mid,wav,png
	@echo
	@echo "The files above: each melody (.mid), how it sounds (.wav), how it" \
	  "looks (.png)."
	@echo "The trained model: $(DEMO)/demo.mag; its losses beside those of" \
	  "plain statistics: $(DEMO)/evaluation.json"

test: $(INSTALLED)
	$(PYTEST) -m "not slow"

slow: $(INSTALLED)
	$(PYTEST) -m slow

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

type: $(INSTALLED)
	$(BIN)/mypy magenta_lite

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel: $(INSTALLED)
	$(BIN)/python -m build --wheel --no-isolation

clean:
	rm -rf $(VENV) $(DEMO) build dist *.egg-info .pytest_cache .ruff_cache \
	  .mypy_cache .hypothesis
