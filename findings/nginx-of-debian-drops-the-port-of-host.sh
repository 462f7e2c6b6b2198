#!/usr/bin/env bash
# nginx 1.22.1-9+deb12u11 of Debian 12 (2026-11): `include uwsgi_params` gives the application a Host without its port.
#
# nginx itself, and Debian's packages before that update, pass Host on as the client sent it. Debian's file now has a line
# HTTP_HOST of the variable $host, which has no port. Behind a port that is not the default one, every absolute URL that a
# framework builds loses its port, Django compares another origin (CSRF), and WsgiDAV answers COPY and MOVE with 502.
# The file is read with the packages' own nginx, in front of a socket that prints what it gets.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages pip
for package in nginx nginx-common; do
    apt-get download -q "$package=1.22.1-9+deb12u11" >/dev/null 2>&1 || { echo "Debian 12's $package=1.22.1-9+deb12u11 cannot be fetched" >&2; exit 2; }
    dpkg-deb -x "$package"_*.deb root
done
cat >back.py <<'PY'
import socket
import struct

with socket.socket(socket.AF_UNIX) as listener:
    listener.bind("back.sock")
    listener.listen()
    while True:
        client, _ = listener.accept()
        head = client.recv(4, socket.MSG_WAITALL)
        data = client.recv(struct.unpack("<H", head[1:3])[0], socket.MSG_WAITALL)
        words = []
        while data:
            size = struct.unpack("<H", data[:2])[0]
            words.append(data[2:2 + size])
            data = data[2 + size:]
        hosts = [value for name, value in zip(words[::2], words[1::2]) if name == b"HTTP_HOST"]
        client.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + b",".join(hosts) + b"\n")
        client.close()
PY
python back.py &
back=$!
free_port
cat >nginx.conf <<EOF
daemon off; master_process off; pid $PWD/nginx.pid; error_log stderr crit; events { }
http {
    access_log off; uwsgi_temp_path $PWD/t1; client_body_temp_path $PWD/t2; proxy_temp_path $PWD/t3; fastcgi_temp_path $PWD/t4; scgi_temp_path $PWD/t5;
    server {
        listen 127.0.0.1:$port;
        location / { include $PWD/root/etc/nginx/uwsgi_params; uwsgi_pass unix:$PWD/back.sock; }
        location /plain { uwsgi_param REQUEST_METHOD \$request_method; uwsgi_pass unix:$PWD/back.sock; }
    }
}
EOF
serve "$PWD/root/usr/sbin/nginx" -c "$PWD/nginx.conf"
seen() { ask "GET $1 HTTP/1.0\r\nHost: example.org:8443\r\n\r\n" | tail -1; }
same "with Debian's uwsgi_params" "$(seen /)" example.org
same "with what nginx does by itself" "$(seen /plain)" example.org:8443
kill "$back"
