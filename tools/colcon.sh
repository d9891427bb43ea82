#!/usr/bin/env bash
# `make colcon`: build the package as a robot does, with colcon and ament_cmake, but from the ROS wheels of .venv; run
# its tests against what was installed. Plain and with --symlink-install.
#
#   COLCON_TESTS="installed|launch"   regular expression of the areas of test/ to run under `colcon test`
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

source tools/ros_env.sh

PACKAGE=mllm_for3d_ros
ROOT=$PWD
VENV=$ROOT/.venv
WORK=$ROOT/build/colcon
TOOLS=$WORK/tools
SOURCES=$WORK/src/$PACKAGE
TESTS=${COLCON_TESTS:-^(installed|launch)$}

say() { printf 'colcon: %s\n' "$*"; }
fail() { printf 'colcon: error: %s\n' "$*" >&2; exit 1; }

install_tools() { # beside .venv, whose packages they build on
  local lock=tools/colcon_requirements.lock
  cmp -s "$lock" "$TOOLS/installed.lock" && return
  say "installing ament_cmake and colcon from wheels"
  rm -rf "$TOOLS"
  "$VENV/bin/python" -m pip --disable-pip-version-check install --quiet --no-deps --ignore-installed \
    --no-warn-script-location --prefix "$TOOLS" -r "$lock" || fail "pip could not install $lock; see above"
  cp "$lock" "$TOOLS/installed.lock"
}

set_environment() { # what sourcing /opt/ros/<distribution>/setup.bash does on a robot
  local libraries
  libraries=$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib", vars={"base": ""}).lstrip("/"))')
  export AMENT_PREFIX_PATH=$TOOLS:$VENV CMAKE_PREFIX_PATH=$TOOLS:$VENV
  export PATH=$TOOLS/bin:$VENV/bin:$PATH PYTHONPATH=$TOOLS/$libraries
}

copy_sources() { # CMake takes no include paths (those of .venv) below the folder of the sources
  rm -rf "$SOURCES"
  mkdir -p "$SOURCES"
  git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$SOURCES" ||
    fail "the files of this checkout could not be copied; run it in a git checkout without deleted files"
}

build() { # $1: name of the workspace; more: options of colcon build
  local workspace=$WORK/$1
  shift
  say "building in ${workspace#"$ROOT"/} ${*:-}"
  rm -rf "$workspace"
  mkdir -p "$workspace"
  (cd "$workspace" && colcon --log-base log build --paths "$SOURCES" --event-handlers console_direct- "$@" --cmake-args \
    -GNinja -DCMAKE_PROJECT_INCLUDE="$ROOT/tools/ros_wheels_fix.cmake" -DPython3_EXECUTABLE="$VENV/bin/python") ||
    fail "colcon build failed; see above and ${workspace#"$ROOT"/}/log"
}

run_tests() { # $1: name of the workspace
  local workspace=$WORK/$1
  say "testing ${workspace#"$ROOT"/}: $TESTS"
  (cd "$workspace" && colcon --log-base log test --paths "$SOURCES" --event-handlers console_direct- \
    --return-code-on-test-failure --ctest-args -R "$TESTS" --no-tests=error) || {
    (cd "$workspace" && colcon test-result --verbose) >&2 || true
    fail "tests of the installed package failed; see above and ${workspace#"$ROOT"/}/log"
  }
  (cd "$workspace" && colcon test-result --all)
}

install_tools
set_environment
copy_sources
build plain
run_tests plain
build symlink --symlink-install
run_tests symlink
say "$PACKAGE builds, plain and with --symlink-install, and passes its tests there"
