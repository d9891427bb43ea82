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

first_folder() { # $1: pattern of a path below the tools; where Python puts them depends on the distribution
  find "$TOOLS" -type d -path "$1" -print -quit
}

set_environment() { # what sourcing /opt/ros/<distribution>/setup.bash does on a robot
  local share packages
  share=$(first_folder '*/share/ament_cmake')
  packages=$(first_folder '*/colcon_core')
  local prefix=${share%/share/ament_cmake}
  export AMENT_PREFIX_PATH=$prefix:$VENV CMAKE_PREFIX_PATH=$prefix:$VENV
  export PATH=$prefix/bin:$VENV/bin:$PATH PYTHONPATH=${packages%/colcon_core}
  export MAKEFLAGS=-j$(nproc) # else colcon lets Ninja wait while the machine is busy
}

copy_sources() { # CMake takes no include paths (those of .venv) below the folder of the sources
  rm -rf "$SOURCES"
  mkdir -p "$SOURCES"
  git ls-files -z --cached --others --exclude-standard | xargs -0 cp -p --parents -t "$SOURCES" ||
    fail "the files of this checkout could not be copied; run it in a git checkout without deleted files"
}

in_workspace() { # $1: colcon's verb, $2: name of the workspace; more: its options
  mkdir -p "$WORK/$2"
  (cd "$WORK/$2" && colcon --log-base log "$1" --paths "$SOURCES" --event-handlers console_direct- "${@:3}")
}

build() { # $1: name of the workspace; more: options of colcon build
  say "building in ${WORK#"$ROOT"/}/$1 ${*:2}"
  rm -rf "$WORK/$1/install" # what was compiled before is kept
  in_workspace build "$1" "${@:2}" --cmake-args -GNinja -DPython3_EXECUTABLE="$VENV/bin/python" \
    -DCMAKE_PROJECT_INCLUDE="$ROOT/tools/ros_wheels_fix.cmake" || fail "colcon build failed; see above and $WORK/$1/log"
}

run_tests() { # $1: name of the workspace
  say "testing ${WORK#"$ROOT"/}/$1: $TESTS"
  local failed=0
  in_workspace test "$1" --return-code-on-test-failure --ctest-args -R "$TESTS" --no-tests=error || failed=1
  (cd "$WORK/$1" && colcon --log-base log test-result --all --verbose) || failed=1
  [ "$failed" = 0 ] || fail "tests of the installed package failed; see above and $WORK/$1/log"
}

install_tools
set_environment
copy_sources
build plain
run_tests plain
build symlink --symlink-install
run_tests symlink
say "$PACKAGE builds, plain and with --symlink-install, and passes its tests there"
