#!/bin/sh
# Make sure that a Docker engine answers, on a Debian machine and as root: for CI. `python -m stack` never installs.
set -eu

answers() { docker version --format '{{.Server.Version}}' 2>/dev/null; }

missing=""
if ! answers >/dev/null; then
  command -v dockerd >/dev/null || missing="$missing docker.io"
fi
command -v docker >/dev/null || missing="$missing docker"
command -v docker-compose >/dev/null || missing="$missing docker-compose"
command -v mmdebstrap >/dev/null || missing="$missing mmdebstrap"
command -v busybox >/dev/null || missing="$missing busybox-static"
if [ -n "$missing" ]; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "missing here:$missing" >&2
    exit 1
  fi
  apt-get update -q
  packages=""
  for each in $missing; do
    if [ "$each" = docker ]; then  # trixie has the command in a package of its own, bookworm in docker.io
      if apt-cache show docker-cli >/dev/null 2>&1; then each=docker-cli; else each=docker.io; fi
    fi
    packages="$packages $each"
  done
  # shellcheck disable=SC2086  # several packages are meant
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $packages iptables ca-certificates
fi

if answers >/dev/null; then
  echo "engine $(answers) answers"
  exit 0
fi
if [ "$(id -u)" != 0 ]; then
  echo "no engine answers, and only root can start one" >&2
  exit 1
fi
log=$(mktemp /tmp/dockerd.XXXXXX)
if command -v setsid >/dev/null; then
  setsid dockerd >"$log" 2>&1 </dev/null &
else
  nohup dockerd >"$log" 2>&1 </dev/null &
fi
pid=$!
waited=0
until answers >/dev/null; do
  if ! kill -0 "$pid" 2>/dev/null || [ "$waited" -ge 60 ]; then
    echo "dockerd did not start; the end of its log:" >&2
    tail -n 15 "$log" >&2
    exit 1
  fi
  sleep 1
  waited=$((waited + 1))
done
echo "engine $(answers) answers, started here (pid $pid, log $log)"
