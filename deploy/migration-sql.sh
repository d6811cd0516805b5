#!/usr/bin/env bash
# Print the SQL of the migrations that are new since a commit: deploy/migration-sql.sh origin/main
# Without a commit: of all there are. DATABASE_URL names a PostgreSQL, which may be empty and stays as it is.
set -euo pipefail
cd "$(dirname "$0")/.."
since=${1:-}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export VISANT_VAR="$scratch" DATABASE_URL=${DATABASE_URL:?a PostgreSQL, empty or not}

if [ -n "$since" ]; then
  files=$(git diff --name-only --diff-filter=A "$since...HEAD" -- '*/migrations/[0-9]*.py')
else
  files=$(git ls-files '*/migrations/[0-9]*.py')
fi
if [ -z "$files" ]; then
  echo "-- No new migrations."
  exit
fi
# One process for all of them: each start takes seconds.
MIGRATIONS=$(for file in $files; do echo "${file%%/*} $(basename "$file" .py)"; done) \
  .venv/bin/python manage.py shell --no-imports -v0 -c '
import os
from django.core.management import call_command

for migration in os.environ["MIGRATIONS"].splitlines():
    print(f"-- {migration}")
    call_command("sqlmigrate", *migration.split())
'
