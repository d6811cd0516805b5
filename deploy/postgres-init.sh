#!/bin/sh
# Run once by PostgreSQL's image, for an empty volume: a plain role, which row-level security binds, and its database.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$VISANT_ROLE_PASSWORD" --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE visant LOGIN PASSWORD :'password';
CREATE DATABASE visant OWNER visant;
\connect visant
CREATE EXTENSION IF NOT EXISTS vector;
SQL
