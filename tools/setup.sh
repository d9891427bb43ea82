#!/usr/bin/env bash
# All of the set-up, called by make: system packages, .venv, pinned dependencies, our package with its
# ROS messages and engine. Each step leaves a stamp, so that a second run starts at once and an interrupted one goes on.
#
#   PYTHON=/path/to/python3   the interpreter to build .venv from (default: the first fitting one)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

source tools/ros_env.sh

VENV=.venv
STAMPS=$VENV/.stamps
ENGINE=mllm_for3d_ros/student/sparse/libsparse_engine.so
OLDEST=10 NEWEST=13 # Python 3.x, those that the ROS wheels exist for

say() { printf 'set-up: %s\n' "$*"; }
fail() { printf 'set-up: error: %s\n' "$*" >&2; exit 1; }

# --- stamps: the hash of what a step depends on ---------------------------------------------------
hash_of() { cat "$@" | sha256sum | cut -d' ' -f1; }
is_done() { [ "$(cat "$STAMPS/$1" 2>/dev/null)" = "$2" ]; }
mark_done() { mkdir -p "$STAMPS" && printf '%s\n' "$2" >"$STAMPS/$1"; }

# --- system packages ------------------------------------------------------------------------------
find_python() { # the first interpreter that runs and is of a supported version
  local candidate
  for candidate in ${PYTHON:-python3 python3.12 python3.11 python3.13 python3.10 /usr/bin/python3}; do
    if "$candidate" -c "import sys; sys.exit(not (3, $OLDEST) <= sys.version_info[:2] <= (3, $NEWEST))" 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
}

library_packages() { # Debian packages of the shared libraries that Open3D loads and that are not there
  local known soname
  known=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p)
  while read -r soname package; do
    grep -q "$soname " <<<"$known" || printf '%s ' "$package"
  done <<'LIBRARIES'
libusb-1.0.so.0 libusb-1.0-0
libGL.so.1 libgl1
libEGL.so.1 libegl1
libX11.so.6 libx11-6
libgomp.so.1 libgomp1
libudev.so.1 libudev1
libidn2.so.0 libidn2-0
LIBRARIES
}

missing_packages() { # Debian packages to install, for the interpreter $1 (empty: none found)
  library_packages
  command -v cc >/dev/null && command -v c++ >/dev/null || printf 'build-essential '
  if [ -z "$1" ]; then
    printf 'python3 python3-venv python3-dev '
    return
  fi
  local name=python3
  case $("$1" -c 'import os, sys; print(os.path.realpath(sys.executable))') in
    "$(readlink -f /usr/bin/python3 2>/dev/null)") ;;
    /usr/bin/python3.*) name=$("$1" -c 'import sys; print("python3.%d" % sys.version_info[1])') ;;
  esac
  "$1" -c 'import ensurepip, venv' 2>/dev/null || printf '%s-venv ' "$name"
  "$1" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' ||
    printf '%s-dev ' "$name"
}

install_packages() { # install the Debian packages in $*, or say how
  command -v apt-get >/dev/null ||
    fail "this system has no apt-get; install what these Debian packages hold, then run make again: $*"
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      say "system packages are missing; install them with this line, then run make again:" >&2
      printf '\n  sudo apt-get update && sudo apt-get install -y --no-install-recommends %s\n\n' "$*" >&2
      exit 1
    fi
    root=(sudo -n)
  fi
  say "installing system packages: $*"
  local log
  log=$(mktemp)
  # shellcheck disable=SC2086  # one word a package
  if ! { "${root[@]}" apt-get update -qq &&
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $*; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    fail "apt-get could not install: $*"
  fi
  rm -f "$log"
}

set_up_system() {
  local python missing
  python=$(find_python)
  missing=$(missing_packages "$python")
  if [ -n "$missing" ]; then
    # shellcheck disable=SC2086
    install_packages $missing
    python=$(find_python)
    missing=$(missing_packages "$python")
  fi
  [ -n "$python" ] ||
    fail "no Python from 3.$OLDEST to 3.$NEWEST found; install one and run: PYTHON=/path/to/python3 make"
  [ -z "$missing" ] || fail "still missing after apt-get: ${missing}(for $python)"
}

# --- .venv ----------------------------------------------------------------------------------------
set_up_venv() {
  local python
  if [ ! -e "$STAMPS/venv" ] && "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
    say "taking the $VENV that is there"
    return
  fi
  python=$(find_python)
  say "making $VENV with $("$python" --version) ($python)"
  rm -rf "$VENV"
  mark_done venv "being made"
  "$python" -m venv "$VENV" || fail "could not make $VENV with $python"
}

pip_install() { # quiet: what pip prints goes to a log, of which the end is shown if it fails
  local log=$VENV/.setup.log
  "$VENV/bin/python" -m pip --disable-pip-version-check install --progress-bar off "$@" 2>&1 | tee "$log" | progress ||
    { grep -E 'ERROR|error:' "$log" >&2 || tail -n 20 "$log" >&2; return 1; }
}

progress() { # a few lines of pip's output, so that minutes do not pass in silence
  awk '/^Collecting/ && ++found % 40 == 0 { printf "set-up:   %d packages found\n", found; fflush() }
       /^ *Downloading .*MB\)$/ { size = substr($(NF - 1), 2)
         if (size + 0 >= 50) { printf "set-up:   downloading %s (%s MB)\n", $2, size; fflush() } }
       /^Installing collected packages/ { print "set-up:   unpacking"; fflush() }'
}

set_up_dependencies() {
  say "installing the packages of requirements.lock (minutes the first time)"
  pip_install -r requirements.lock ||
    fail "pip could not install requirements.lock; see above, then run make again: it goes on where it stopped"
}

set_up_package() {
  say "building the ROS messages and the sparse engine, and installing this package"
  pip_install --no-deps --no-build-isolation --editable . || fail "pip could not build this package; see above"
  (cd / && "$OLDPWD/$VENV/bin/python" -c 'import mllm_for3d_ros.action, tf2_msgs.msg, vision_msgs.msg') ||
    fail "the ROS messages were built but cannot be imported; run: make clean && make setup"
}

# --- all of it ------------------------------------------------------------------------------------
main() {
  local started=$SECONDS worked=0 root=$PWD
  exec 9>.setup.lock # two makes at once: the second waits for the first
  flock 9
  trap 'say "interrupted; run make again: it goes on where it stopped" >&2; exit 130' INT TERM

  local system_key
  system_key=$({ uname -n && cat /etc/os-release; } 2>/dev/null | sha256sum | cut -d' ' -f1) || true
  is_done system "$system_key" || {
    worked=1
    set_up_system
  }
  local venv_key=$root # a copied or moved .venv does not work
  is_done venv "$venv_key" || {
    worked=1
    set_up_venv
    mark_done venv "$venv_key"
    mark_done system "$system_key"
  }
  local dependencies_key
  dependencies_key=$(hash_of requirements.lock)
  is_done dependencies "$dependencies_key" || {
    worked=1
    set_up_dependencies
    mark_done dependencies "$dependencies_key"
  }
  local package_key
  package_key=$(hash_of requirements.lock pyproject.toml setup.py package.xml tools/rosidl_build.py \
    tools/engine_build.py mllm_for3d_ros/student/sparse/csrc/* msg/* srv/* action/* interfaces/*/msg/*)
  is_done package "$package_key" && [ -d mllm_for3d_ros/action ] && [ -e "$ENGINE" ] || {
    worked=1
    set_up_package
    mark_done package "$package_key"
  }

  if [ "$worked" = 1 ]; then
    local seconds=$((SECONDS - started))
    printf '%s\n' "$seconds" >"$VENV/.setup_seconds"
    say "done in $seconds s"
  else
    printf '0\n' >"$VENV/.setup_seconds"
  fi
}

main
