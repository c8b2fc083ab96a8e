#!/bin/sh
# Installs a release of bmctl: fetches its archive, holds it against its SHA-256 sum, and runs the installer inside.
# A release has this file beside its archive.
#
# BMCTL_RELEASE_URL  where the files of the release are: https://… or file://…
# BMCTL_SHA256       the sum that the archive must have; without it the sum in SHA256SUMS, which comes from the same place
# PREFIX             where bmctl goes: /usr/local unless set
set -eu
: "${BMCTL_RELEASE_URL:?is not set: where are the files of the release?}"

fail() {
  echo "get.sh: $*" >&2
  exit 1
}

fetch() { # NAME
  if command -v curl >/dev/null; then
    curl --fail --silent --show-error --location --retry 3 --output "$scratch/$1" "$BMCTL_RELEASE_URL/$1"
  else
    wget --quiet --output-document "$scratch/$1" "$BMCTL_RELEASE_URL/$1"
  fi || fail "could not fetch $BMCTL_RELEASE_URL/$1"
}

[ "$(uname -s)" = Linux ] || fail "there are releases for Linux only, not for $(uname -s)"
machine=$(uname -m)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fetch SHA256SUMS
line=$(grep -E "^[0-9a-f]{64}  bmctl-[^/ ]*-$machine-[^/ ]*\.tar\.gz\$" "$scratch/SHA256SUMS") \
  || fail "the release has no archive for $machine"
sum=${line%% *}
archive=${line##* }
if [ -n "${BMCTL_SHA256:-}" ] && [ "$BMCTL_SHA256" != "$sum" ]; then
  fail "$archive should have the sum $BMCTL_SHA256, but the release says $sum"
fi
fetch "$archive"
(cd "$scratch" && echo "$sum  $archive" | sha256sum -c - >/dev/null) || fail "$archive does not have the sum $sum"
tar -xzf "$scratch/$archive" -C "$scratch"
"$scratch/${archive%.tar.gz}/install"
