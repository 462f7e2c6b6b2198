#!/usr/bin/env bash
# `make flame`: a flame graph of an application under load, drawn by `uswgi-ctl profile` and opened in headless Chromium (Debian's
# package chromium). Its script has to have found the frames; graph and picture are left in build/flame.svg and build/flame.png.
# usage: tests/flame.sh [FOLDER OF THE COMMANDS]     (target/debug)
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(readlink -f "${1:-target/debug}")
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
    { echo "flame: Chromium is missing: apt-get install --no-install-recommends chromium" >&2; exit 1; }
mkdir -p build
work=$(mktemp -d)
trap '"$bin/uswgi-ctl" --pidfile "$work/pid" stop --now --wait -q || true; rm -rf "$work"' EXIT
cat >"$work/app.py" <<'APP'
import time
def inner(end):
    while time.monotonic() < end:
        pass
def work():
    inner(time.monotonic() + 0.02)
def application(environ, start_response):
    work()
    start_response("200 OK", [])
    return [b"ok"]
APP
"$bin/uswgi-master" --http-socket "$work/http" --chdir "$work" --module app --pidfile "$work/pid" --daemonize "$work/log"
"$bin/uswgi-ctl" --pidfile "$work/pid" wait -q
(while [ ! -e "$work/end" ]; do curl -s -o /dev/null --unix-socket "$work/http" http://localhost/orders/17 || true; done) &
"$bin/uswgi-ctl" --pidfile "$work/pid" profile --seconds 3 -o "$PWD/build/flame.svg"
touch "$work/end"
wait %1
show() {
    timeout 120 "$chromium" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
        --disable-component-update --disable-sync --user-data-dir="$work/chromium" --window-size=1240,400 "$@" "file://$PWD/build/flame.svg" 2>/dev/null
}
show --screenshot="$PWD/build/flame.png"
dom=$(show --dump-dom)
# The texts that the graph's own script has fitted into the frames.
for text in "GET /orders/*" "application (" "work (" "inner ("; do
    grep -qF "$text" <<<"$dom" || { echo "flame: no $text in the page" >&2; exit 1; }
done
echo "flame: build/flame.svg, build/flame.png"
