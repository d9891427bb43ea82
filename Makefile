# Everything a newcomer needs; each target does the set-up it lacks. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all lint format bench soak colcon lock clean distclean

SEED ?= 10000
BENCH ?= fusion
ARGS ?=
PYTEST_ARGS ?=
LOCK_PYTHONS ?= python3.10 python3.11 python3.12 python3.13

BIN := .venv/bin
ROS_ENV := source tools/ros_env.sh
RUN := env PYTHONUNBUFFERED=1
WORKERS := -n 2 --dist loadfile

help: ## list the targets (default)
	@printf 'Say what you need, get its 3D mask in the map frame.\n\n'
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | \
		while IFS=$$'\t' read -r target text; do printf '  make %-10s %s\n' "$$target" "$$text"; done
	@printf '\nVariables: SEED=%s (demo), BENCH=%s (bench), ARGS (soak), PYTEST_ARGS (test), PYTHON (set-up)\n' '$(SEED)' '$(BENCH)'

setup: ## install what is missing: system packages, .venv, dependencies, ROS messages
	@tools/setup.sh

demo: setup ## the whole path on a synthetic room; SEED=10003 for another one
	@$(ROS_ENV) && $(RUN) $(BIN)/mllm-for3d demo --seed $(SEED)

test: lint ## lint, then the fast tests; PYTEST_ARGS="-k scene" for some of them
	@$(ROS_ENV) && $(RUN) $(BIN)/python -m pytest -q $(WORKERS) -m "not slow" $(PYTEST_ARGS)

test-all: lint ## lint, then every test, the slow ones too
	@$(ROS_ENV) && $(RUN) $(BIN)/python -m pytest -q $(WORKERS) $(PYTEST_ARGS)

lint: setup ## ruff (lint and format) and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: setup ## let ruff format the code and mend what it can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup ## a benchmark, the quick form; BENCH=fusion names it
	@$(ROS_ENV) && $(RUN) $(BIN)/python -m bench.$(BENCH) --quick

soak: setup ## the nodes under a robot's load for 10 minutes; ARGS="--minutes 2" for less
	@$(ROS_ENV) && $(RUN) $(BIN)/python -m bench.soak $(ARGS)

colcon: setup ## build as a robot does, with colcon from wheels, and test what it installed
	@tools/colcon.sh

lock: setup ## resolve pyproject.toml anew and write requirements.lock; LOCK_PYTHONS names the interpreters
	@$(BIN)/python tools/lock.py $(LOCK_PYTHONS)

clean: ## remove what builds and runs leave behind, and keep .venv
	@rm -rf build install log dist out *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -path ./.venv -prune -o -type d -name __pycache__ -print0 | xargs -0r rm -rf

distclean: clean ## remove .venv and the generated messages too
	@rm -rf .venv .setup.lock mllm_for3d_ros/{msg,srv,action} mllm_for3d_ros/*.so mllm_for3d_ros/student/sparse/*.so interfaces/*/*_msgs/{msg,*.so}
