#!/usr/bin/env bash
# Everything that is checked beside the tests. Run by `make lint` and by CI.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export VISANT_VAR="$scratch"

ruff check .
ruff format --check .
mypy .
(cd camera && mypy --strict visant_camera)
lint-imports
python manage.py makemigrations --check --dry-run
python deploy/squawk.py
VISANT_URL=https://visant.example.org VISANT_TRUSTED_PROXIES=127.0.0.1 \
  python manage.py check --deploy --fail-level WARNING
python manage.py spectacular --validate --fail-on-warn --file "$scratch/schema.yml"

# What deploys it.
hadolint Dockerfile
check-jsonschema --builtin-schema vendor.compose-spec compose.yaml
check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yaml
kubernetes-validate --strict --quiet deploy/kubernetes/*.yaml

# pip-audit says nothing of weaknesses when the index cannot be asked; that alone is no failure.
if ! pip-audit --strict --progress-spinner off -r requirements.txt >"$scratch/audit" 2>&1; then
  cat "$scratch/audit"
  if grep -qiE 'ConnectionError|ConnectTimeout|ReadTimeout|Max retries|Name or service not known|ServiceError|ServiceUnavailable|Django: Dependency not found' "$scratch/audit"; then
    echo "pip-audit: the index of weaknesses did not answer; not checked this time."
  else
    exit 1
  fi
fi
echo "lint: all clean"
