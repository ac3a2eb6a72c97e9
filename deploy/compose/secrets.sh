#!/bin/sh
# Makes the secrets of compose.yaml, once, in the folder secrets/ beside this file: the database's
# password, and for the nodes the database's URL and the encryption key. Keep a copy of the key in a
# safe place: without it no secret in the database can be read.
set -eu

cd "$(dirname "$0")"
if [ -e secrets ]; then
    echo "secrets.sh: secrets/ is there already, and nothing in it is changed" >&2
    exit 1
fi
umask 077
mkdir secrets.new
password=$(head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n')
key=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n')
printf '%s' "$password" > secrets.new/postgres_password
{
    printf 'FIRESTEEL_DATABASE_URL=postgresql://firesteel:%s@database/firesteel\n' "$password"
    printf 'FIRESTEEL_ENCRYPTION_KEY=%s\n' "$key"
} > secrets.new/firesteel.env
mv secrets.new secrets
