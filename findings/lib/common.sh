# Sourced by every finding: a temporary folder, pinned packages in it, a server that ends with the script, and checks.
# Nothing of uswgi is used. A finding exits 0 while the behaviour is as its head says, 1 when it has changed.
set -euo pipefail
work=$(mktemp -d)
server=""
finish() {
    [ -z "$server" ] || stop_server
    rm -rf "$work"
}
trap finish EXIT
cd "$work"

# packages NAME==VERSION...: a virtualenv in ./venv
packages() {
    python3 -m venv venv
    venv/bin/python -m pip install -q --disable-pip-version-check "$@"
    PATH="$work/venv/bin:$PATH"
}

# port: a free TCP port of 127.0.0.1, in $port
free_port() {
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
}

# serve COMMAND...: starts it and waits until $port answers, 30 s at most
serve() {
    setsid "$@" >server.log 2>&1 &
    server=$!
    python3 - "$port" <<'PY' || { cat server.log; exit 1; }
import socket, sys, time
end = time.monotonic() + 30
while True:
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1]))).close()
        break
    except OSError:
        if time.monotonic() > end:
            sys.exit("the server does not listen")
        time.sleep(0.05)
PY
}

stop_server() {
    { kill -KILL -- "-$server" && wait "$server"; } 2>/dev/null || true
    server=""
}

# ask RAW: sends these bytes (printf escapes) to $port, prints all that comes until the server closes, 5 s at most
ask() {
    # shellcheck disable=SC2059
    printf "$1" | python3 -c '
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=5)
s.sendall(sys.stdin.buffer.read())
out = b""
try:
    while piece := s.recv(65536):
        out += piece
except TimeoutError:
    pass
sys.stdout.buffer.write(out)' "$port"
}

# same WHAT SEEN EXPECTED
same() {
    if [ "$2" = "$3" ]; then
        echo "as found: $1: $2"
    else
        echo "changed: $1"
        echo "  found before: $3"
        echo "  seen now:     $2"
        exit 1
    fi
}
