#!/usr/bin/env bash
# uWSGI 2.0.31: wsgi.file_wrapper sends a file from its beginning, wherever the application stands in it.
#
# PEP 3333: the transmission should begin at the current position of the file. Django's FileResponse counts on it: it
# says a Content-Length of what is left. So an application that has read a header, or seeks to serve a part, gets its
# client the right number of wrong bytes, with status 200 (uWSGI sends more than it says; clients read the length).
# gunicorn 27.0.1 and waitress 3.0.2 begin where the file stands. BytesIO and other objects without a descriptor are
# right on uWSGI too.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages uwsgi==2.0.31 gunicorn==27.0.1 waitress==3.0.2 Django==5.2.19
printf 'header--the-content' >file.bin
cat >app.py <<'PY'
import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse
from django.urls import path
settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__)
def content(request):
    file = open("file.bin", "rb")
    assert file.read(8) == b"header--"
    return FileResponse(file)
django.setup()
urlpatterns = [path("", content)]
application = get_wsgi_application()
PY
seen() {
    ask 'GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n' | tr -d '\r' | sed -n 's/^Content-Length: //p; $p' | tr '\n' ' '
}
free_port
serve uwsgi --http-socket "127.0.0.1:$port" --wsgi-file app.py --need-app
same "uWSGI 2.0.31" "$(seen)" "11 header--the-content"
stop_server
free_port
serve gunicorn -b "127.0.0.1:$port" app:application
same "gunicorn 27.0.1" "$(seen)" "11 the-content"
stop_server
free_port
serve waitress-serve "--listen=127.0.0.1:$port" app:application
same "waitress 3.0.2" "$(seen)" "11 the-content"
