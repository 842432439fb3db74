# shellcheck shell=bash
# What the scripts share: where the repository is, how they speak, and how they install what is missing.
# Sourced by the scripts beside it, never run.

set -euo pipefail

ROOT=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*" >&2; }
die() {
  say "${0##*/}: $*"
  exit 1
}

# The comment that opens a script is its help.
help() { sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; }

# Where cargo puts what it builds, whatever its configuration says, so that the scripts know without asking it.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}
case $CARGO_TARGET_DIR in /*) ;; *) CARGO_TARGET_DIR=$ROOT/$CARGO_TARGET_DIR ;; esac
# shellcheck disable=SC2034
BUILT=$CARGO_TARGET_DIR/release

# Builds what people run, the same way for every script, so that what one has built the others find.
build() {
  (cd "$ROOT" && cargo build --release --locked -p lct-module -p lct-gateway -p lct-tools \
    --lib --bin lct-gateway --bin lct-load --bin lct-demo) >&2
}

# libclang and clang's own headers: bindgen needs both to read the server's module header.
has_libclang() {
  local found
  found=$(compgen -G '/usr/lib/llvm-*/lib/clang/*/include/stddef.h' || compgen -G '/usr/lib*/clang/*/include/stddef.h') ||
    [ -n "${BINDGEN_EXTRA_CLANG_ARGS:-}" ] || return 1
  found=${LIBCLANG_PATH:-$(compgen -G '/usr/lib/llvm-*/lib/libclang[.-][0-9s]*' ||
    compgen -G '/usr/lib*/libclang[.-][0-9s]*' || compgen -G '/usr/lib/*-linux-gnu/libclang[.-][0-9s]*')}
  [ -n "$found" ]
}

# Rust is the one thing the scripts never install.
find_rust() {
  PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
  command -v cargo >/dev/null ||
    die "Rust is missing. Install Rust 1.88 or newer (rustup, or your distribution's package) and run this again."
}

# Installs the Debian packages a build and a run need, where that is allowed; otherwise names them and ends.
install_missing() {
  find_rust
  local packages=()
  command -v cc >/dev/null || packages+=(gcc libc6-dev)
  { command -v redis-server && command -v redis-cli; } >/dev/null || packages+=(redis-server)
  has_libclang || packages+=(libclang-dev)
  [ ${#packages[@]} -gt 0 ] || return 0

  command -v apt-get >/dev/null ||
    die "missing here, by their names in Debian: ${packages[*]}. Install your system's counterparts and run this again."
  may_install ||
    die "some packages are missing. Install them and run this again: sudo apt-get install ${packages[*]}"
  case " ${packages[*]} " in
    *' redis-server '*) say "(Debian may start its own Redis on port 6379 with it. LCT does not use that one.)" ;;
  esac
  apt_install "${packages[@]}"
}

# Whether this may install Debian packages without asking.
may_install() {
  command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
}

apt_install() {
  local as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo -n)
  say "Installing $* …"
  "${as_root[@]}" apt-get -q update >&2 &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "$@" >&2
}

# Whether the pages can be tested: Node.js with npm, and a Chromium, which is installed where that is allowed. Says what is
# missing, in `missing`, where they cannot.
missing=
find_browser() {
  local major
  major=$(node --version 2>/dev/null) && major=${major#v} && major=${major%%.*} || major=0
  if [ "$major" -lt 20 ] || ! command -v npm >/dev/null; then
    missing="Node.js 20 or newer with npm"
    return 1
  fi
  local candidate
  for candidate in "${LCT_CHROMIUM:-}" /usr/lib/chromium/chromium-headless-shell /usr/bin/chromium; do
    [ -x "$candidate" ] && export LCT_CHROMIUM=$candidate && return 0
  done
  # shellcheck disable=SC2034 # read by who sources this
  missing="Chromium (Debian's chromium-headless-shell, or LCT_CHROMIUM)"
  may_install && apt_install chromium-headless-shell || return 1
  LCT_CHROMIUM=/usr/lib/chromium/chromium-headless-shell
  export LCT_CHROMIUM
  [ -x "$LCT_CHROMIUM" ]
}
