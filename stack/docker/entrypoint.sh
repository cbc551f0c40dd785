#!/bin/bash
# What the official image's entry point does, as far as this stack needs it: make the cluster on the first start, run
# /docker-entrypoint-initdb.d, then become the server.
set -euo pipefail

if [ "${1:-}" != postgres ]; then
  exec "$@"
fi

if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA" /run/postgresql
  chmod 00700 "$PGDATA" || :
  chmod 02775 /run/postgresql
  find "$PGDATA" /run/postgresql \! -user postgres -exec chown postgres:postgres {} +
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  if [ -z "${POSTGRES_PASSWORD:-}" ]; then
    echo "POSTGRES_PASSWORD is not set" >&2
    exit 1
  fi
  # shellcheck disable=SC2086  # several words are meant
  initdb --username=postgres --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") --auth-host=scram-sha-256 \
    --auth-local=trust --no-instructions ${POSTGRES_INITDB_ARGS:-} >&2
  printf '\nhost all all all scram-sha-256\n' >> "$PGDATA/pg_hba.conf"
  sed -i "s/^#listen_addresses = .*/listen_addresses = '*'/" "$PGDATA/postgresql.conf"
  pg_ctl -D "$PGDATA" -w start -o "$(printf '%q ' "${@:2}" -c listen_addresses=)" >&2
  psql=(psql -v ON_ERROR_STOP=1 --no-psqlrc --quiet --username=postgres)
  "${psql[@]}" --dbname=postgres -c "CREATE DATABASE \"${POSTGRES_DB:-postgres}\"" 2>/dev/null || :
  for file in /docker-entrypoint-initdb.d/*; do
    case "$file" in
      *.sql) echo "running $file" >&2; "${psql[@]}" --dbname="${POSTGRES_DB:-postgres}" -f "$file" >&2 ;;
      *.sh) echo "running $file" >&2; . "$file" ;;
    esac
  done
  pg_ctl -D "$PGDATA" -m fast -w stop >&2
fi

exec "$@"
