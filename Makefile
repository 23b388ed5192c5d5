# `make demo` and `make test` do everything, in a virtual environment.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
# each Python that is asked for by name gets its own: .venv-3.13
ifneq ($(origin PYTHON),file)
VENV ?= .venv-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
endif
VENV ?= .venv
# versions of all packages; `CONSTRAINTS=` for the newest releases
CONSTRAINTS ?= constraints.txt
# what the tests need; EXTRAS=light leaves out PyTorch and OVITO, and so the tests that need them
EXTRAS ?= all
# which tests `make test` runs
MARKS ?= not long
MODEL ?= kam
PRESET ?= quick
DIR ?= demo-$(MODEL)
# what is installed there
STAMP = $(VENV)/.$(EXTRAS)-installed$(if $(CONSTRAINTS),,-newest)
# modules are compiled when they are first imported: most of torch never is
PIP = PYTHONWARNINGS=ignore $(VENV)/bin/python -m pip install --quiet --no-compile --disable-pip-version-check $(addprefix -c ,$(CONSTRAINTS))
# found as a path, so that a folder of the same name in the working directory does not hide it
EDITABLE = --config-settings editable_mode=compat

# many containers forbid it, and then each process compiles all its modules again, for seconds
export PYTHONDONTWRITEBYTECODE =

.PHONY: demo check test test-long lint docs docs-links clean

demo: $(VENV)/.demo-installed
	@test -f $(DIR)/campaign.toml || $(VENV)/bin/glassdask new $(DIR) --model $(MODEL) --preset $(PRESET)
	@# kernels are compiled beside the quenches, which need none: else one core would be idle meanwhile
	@test $(VENV)/.compiled -nt $(VENV)/.demo-installed || { \
	  $(VENV)/bin/python -m glassdask.physics.compiling >/dev/null && touch $(VENV)/.compiled; } & \
	$(VENV)/bin/glassdask run $(DIR); code=$$?; wait; exit $$code

# the fast loop: no test that starts a process or takes seconds
check: $(STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/python -m pytest -q -n 2 -m "not processes and not slow and not long"

# other releases of ruff, mypy and NumPy's types have other rules
test: $(STAMP)
ifneq ($(CONSTRAINTS),)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
endif
	$(VENV)/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "$(MARKS)"

# what takes minutes each: wall times and lost nodes of a real Slurm, chains on a real Grid Engine
test-long: $(STAMP)
	$(VENV)/bin/python -m pytest -m long

lint: $(STAMP)
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .
	$(VENV)/bin/mypy

# warnings, such as links to pages and headings that do not exist, are errors
docs: $(STAMP)
	$(VENV)/bin/python -m sphinx -q -E -W --keep-going -b html docs build/docs
	@echo "build/docs/index.html"

# links to other sites; needs the network
docs-links: $(STAMP)
	$(VENV)/bin/python -m sphinx -q -E -b linkcheck docs build/docs-links

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "glassdask needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	@# the pip of Python 3.11 takes twice as long for the rest
	$(PIP) --upgrade pip

$(VENV)/.demo-installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing into $(VENV) (a minute or two) ..."
	$(PIP) $(EDITABLE) -e '.[formats,hpc,learn]'
	@touch $@

$(STAMP): pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing into $(VENV) (a minute or two) ..."
	$(PIP) $(EDITABLE) -e '.[$(EXTRAS)]'
	$(VENV)/bin/python -m glassdask.physics.compiling
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
