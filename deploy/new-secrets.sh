#!/bin/sh
# Print a compose.env with new secrets: deploy/new-secrets.sh https://visant.example.org >compose.env
set -eu
url=${1:?"Name the address at which people reach Visant, like https://visant.example.org"}
umask 077
secret() { head -c 48 /dev/urandom | base64 | tr -d '=+/\n' | cut -c 1-48; }
cat <<END
VISANT_URL=$url
POSTGRES_PASSWORD=$(secret)
DATABASE_PASSWORD=$(secret)
REDIS_PASSWORD=$(secret)
S3_SECRET=$(secret)
SECRET_KEY=$(secret)
KEY_PEPPERS=$(secret)
METRICS_TOKEN=$(secret)
END
