#!/bin/sh
# kq: this header, then a gzipped tar of Deno and the program. Unpacks once into a cache of the user's; removing
# that cache is always safe. KQ_CACHE names it (default: kq in XDG_CACHE_HOME or ~/.cache, else in TMPDIR).
set -eu
id=@ID@
if [ -n "${KQ_CACHE:-}" ]; then cache=$KQ_CACHE
elif [ -n "${XDG_CACHE_HOME:-}" ]; then cache=$XDG_CACHE_HOME/kq
elif [ -n "${HOME:-}" ] && mkdir -p "$HOME/.cache/kq" 2>/dev/null && [ -w "$HOME/.cache/kq" ]; then cache=$HOME/.cache/kq
else cache=${TMPDIR:-/tmp}/kq-$(id -u)
fi
home=$cache/$id
if [ ! -e "$home/kq.js" ]; then
  (umask 077 && mkdir -p "$cache") || { echo "kq: cannot make the cache $cache; name a writable one in KQ_CACHE" >&2; exit 1; }
  # The cache holds what will be run, so it must be this user's.
  [ -O "$cache" ] 2>/dev/null || { echo "kq: the cache $cache belongs to another user; name your own in KQ_CACHE" >&2; exit 1; }
  work=$(mktemp -d "$cache/unpack.XXXXXX")
  trap 'rm -rf "$work"' EXIT INT TERM
  tail -n +@LINES@ "$0" | gzip -dc | (cd "$work" && tar -xf - && [ -e kq.js ]) || { echo "kq: cannot unpack into $cache: is the disk full?" >&2; exit 1; }
  # A rename is atomic: of several first starts, one wins and the others use what it made.
  mv "$work" "$home" 2>/dev/null && rm -rf "$home/${work##*/}" || [ -e "$home/kq.js" ] || { echo "kq: cannot unpack into $home" >&2; exit 1; }
  rm -rf "$work"
  trap - EXIT INT TERM
fi
flags=
if [ "${1:-} ${2:-}" = "coordinator start" ]; then
  # It stands beside others for months: it gives memory back rather than keep it for the next burst.
  flags=--v8-flags=--max-semi-space-size=2,--optimize-for-size
  export MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=65536 MALLOC_TRIM_THRESHOLD_=1048576
fi
DENO_DIR=$home/dir DENO_NO_UPDATE_CHECK=1 exec "$home/deno" run $flags --quiet --no-prompt --no-config --no-lock --no-remote --no-npm -A "$home/kq.js" "$@"
