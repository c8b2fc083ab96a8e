#!/bin/sh
# Runs a preflight check in a CI job, and leaves its reports there. The GitHub Action and the GitLab template are wrappers of it.
#
# BMCTL_RELEASE_URL    install this release first (get.sh beside this file); without it bmctl has to be on the PATH
# BMCTL_CHECK_FLAGS    more flags of bmctl check vmruntimepfc, separated by spaces
# BMCTL_REPORTS        folder of the reports: bmctl-reports unless set
# BMCTL_ALLOW_UNKNOWN  true: what could not be determined (exit code 5) does not fail the job
# The cluster is the one of KUBECONFIG.
set -euf
reports=${BMCTL_REPORTS:-bmctl-reports}

if [ -n "${BMCTL_RELEASE_URL:-}" ]; then
  prefix=${RUNNER_TEMP:-$PWD}/bmctl-release
  PREFIX=$prefix sh "$(dirname "$0")/get.sh"
  PATH=$prefix/bin:$PATH
  # For the steps after this one.
  if [ -n "${GITHUB_PATH:-}" ]; then echo "$prefix/bin" >>"$GITHUB_PATH"; fi
fi

mkdir -p "$reports"
code=0
# shellcheck disable=SC2086
bmctl check vmruntimepfc --report junit="$reports/nodes.xml" --report html="$reports/nodes.html" \
  --report json="$reports/nodes.json" --report markdown="${GITHUB_STEP_SUMMARY:-$reports/summary.md}" \
  ${BMCTL_CHECK_FLAGS:-} || code=$?
if [ -n "${GITHUB_OUTPUT:-}" ]; then echo "exit-code=$code" >>"$GITHUB_OUTPUT"; fi
if [ "$code" = 5 ] && [ "${BMCTL_ALLOW_UNKNOWN:-}" = true ]; then
  echo "some nodes could not be verified; this job allows it" >&2
  exit 0
fi
exit "$code"
