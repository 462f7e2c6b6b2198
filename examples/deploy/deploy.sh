#!/bin/sh
# deploy.sh DIR: take the newest code of a checkout live; exit 0 when every worker runs it.
set -eu
cd "$1"
before=$(git rev-parse HEAD)
git pull --quiet --ff-only
uswgi-conf lint --check-app uwsgi.ini && uswgi-ctl --ini uwsgi.ini reload --wait && exit 0
git reset --quiet --hard "$before"  # a worker that starts later must not meet the broken code
echo "not deployed; $before serves on" >&2; exit 1
