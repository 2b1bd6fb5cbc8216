# make        environment with the project and all that its tests need, in .venv
# make demo   the same on a smaller environment: verdicts on the sample lot and a report
# make test   system packages for a virtual screen, environment, all tests
# make lint   style, types, import rules, manifest, wheel and sdist
# make bench  the benchmarks: rendered micrographs and measures (an hour), real data where given
# make clean  removes what make made
#
# PYTHON=...       the Python (3.11 or later) that .venv is made with
# TORCH_INDEX=URL  one more package index, searched for PyTorch's builds
# DATA=DIR         the folder of the data set qe_microstructure
# EBC_DATA=DIR     the folder of the data set nasa_ebc_super
# PYTEST_ARGS=...  what to hand to pytest, as in `make test PYTEST_ARGS="-k tiles"`

SHELL := /bin/sh
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PY := $(BIN)/python
CONSTRAINTS := constraints-cpu.txt
TORCH_INDEX ?=
PYTEST_ARGS ?=
DATA ?=
EBC_DATA ?=
INSTALL = $(PY) -m pip install --quiet --constraint $(CONSTRAINTS) \
	$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

# A stamp is newer than what it was made from: a second run installs nothing.
STAMPS := $(VENV)/.stamps
SOURCES := pyproject.toml $(CONSTRAINTS)

.PHONY: all demo test lint bench clean
.DEFAULT_GOAL := all

all: $(STAMPS)/test

$(STAMPS)/venv: tools/make_venv.sh
	@sh tools/make_venv.sh $(VENV) "$(PYTHON)"
	@$(PY) -m pip install --quiet --upgrade "pip>=25.1"
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/demo: $(STAMPS)/venv $(SOURCES)
	@echo "Installing napari-qualify into $(VENV) (once; PyTorch is large)"
	@$(INSTALL) --editable .
	@touch $@

$(STAMPS)/test: $(STAMPS)/demo
	@echo "Installing what the tests need into $(VENV) (once)"
	@$(INSTALL) --editable ".[all]" --group test
	@touch $@

$(STAMPS)/lint: $(STAMPS)/test
	@$(INSTALL) --group lint
	@touch $@

$(STAMPS)/bench: $(STAMPS)/test
	@$(INSTALL) --editable ".[bench]"
	@touch $@

demo: $(STAMPS)/demo
	$(BIN)/napari-qualify demo

# Widgets must touch the viewer from its own thread only, and leave no widget behind.
test: export NAPARI_ENSURE_PLUGIN_MAIN_THREAD = 1
test: export NAPARI_STRICT_QT = 1
test: $(STAMPS)/test
	@sh tools/system_packages.sh
	sh tools/on_screen.sh $(PY) -m pytest $(PYTEST_ARGS)

lint: $(STAMPS)/lint
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(BIN)/lint-imports
	@sh tools/system_packages.sh
	sh tools/on_screen.sh $(BIN)/npe2 validate napari_qualify --imports
	$(PY) tools/check_wheel.py --constraints $(CONSTRAINTS) $(if $(TORCH_INDEX),--torch-index $(TORCH_INDEX))

bench: $(STAMPS)/bench
	$(PY) benchmarks/rendered.py
	$(PY) benchmarks/qe_microstructure.py $(if $(DATA),--data "$(DATA)")
	$(PY) benchmarks/qe_risks.py $(if $(DATA),--data "$(DATA)")
	$(PY) benchmarks/gaussian_problems.py
	$(PY) benchmarks/rescoring.py
	$(PY) benchmarks/measurement.py $(if $(EBC_DATA),--data "$(EBC_DATA)")
	$(if $(EBC_DATA),$(PY) benchmarks/segmentation.py --data "$(EBC_DATA)")

clean:
	rm -rf $(VENV) build dist demo-out .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache
