"""A Django project in one file: files by the server in front, streams, async views, sub-paths, schemes and languages."""

import asyncio
import contextvars
import hashlib
import io
import os
import pathlib

import django
from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.conf.urls.i18n import i18n_patterns
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.urls import path, reverse
from django.utils.translation import get_language
from django.views.decorators.csrf import csrf_exempt

HERE = pathlib.Path(__file__).resolve().parent
FILES = HERE / "files"

settings.configure(
    SECRET_KEY="test",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.locale.LocaleMiddleware",
                "django.middleware.http.ConditionalGetMiddleware", "django.middleware.common.CommonMiddleware"],
    LANGUAGES=[("en", "English"), ("de", "Deutsch")],
    USE_I18N=True,
    SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
    USE_X_FORWARDED_HOST=True,
    FORCE_SCRIPT_NAME=os.environ.get("DELIVERY_PREFIX"),
    FILE_UPLOAD_TEMP_DIR=str(HERE),
    LOGGING_CONFIG=None,
)


def where(request, name):
    """What Django makes of the address that the client asked."""
    return JsonResponse({
        "name": name, "path": request.path, "path_info": request.path_info, "script_name": request.META.get("SCRIPT_NAME"),
        "secure": request.is_secure(), "here": request.build_absolute_uri(), "there": reverse("where", args=[name]),
        "query": request.GET.urlencode(), "language": get_language(), "host": request.get_host(),
        "remote": request.META.get("REMOTE_ADDR"),
    })


def away(request, name):
    return HttpResponseRedirect(reverse("where", args=[name]) + "?q=gr\u00fc\u00dfe")


def file(request, name):
    """The whole file by wsgi.file_wrapper, with Django's own headers."""
    return FileResponse(open(FILES / name, "rb"), as_attachment="save" in request.GET)


def memory(request):
    """A file without a descriptor."""
    return FileResponse(io.BytesIO(b"m" * 300_000), filename="memory.bin")


def half(request, name):
    """A file from its middle on."""
    stream = open(FILES / name, "rb")
    stream.seek(500_000)
    return FileResponse(stream)


def part(request, name):
    """A range that the application itself makes of a file."""
    content = (FILES / name).read_bytes()
    begin, end = (int(word) for word in request.headers["Range"].removeprefix("bytes=").split("-"))
    answer = HttpResponse(content[begin:end + 1], status=206, content_type="application/octet-stream")
    answer["Content-Range"] = f"bytes {begin}-{end}/{len(content)}"
    return answer


def accel(request, name):
    """The file by nginx: its body is none of the application's."""
    answer = HttpResponse("not this", content_type="application/x-own")
    answer["X-Accel-Redirect"] = request.GET.get("to", "/protected/") + django.utils.encoding.escape_uri_path(name)
    answer["Content-Disposition"] = "attachment"
    return answer


def sendfile(request, name):
    """The file by whoever knows X-Sendfile."""
    answer = HttpResponse("not this", content_type="application/x-own")
    answer["X-Sendfile"] = str(FILES / name)
    return answer


def lines():
    for number in range(20_000):
        yield f"line {number}\n"


def stream(request):
    return StreamingHttpResponse(lines(), content_type="text/plain")


async def alines():
    for number in range(500):
        if number % 100 == 0:
            await asyncio.sleep(0)
        yield f"line {number}\n"


def astream(request):
    """An asynchronous generator under WSGI: Django collects it, and warns."""
    return StreamingHttpResponse(alines(), content_type="text/plain")


word = contextvars.ContextVar("word")


@sync_to_async
def of_this_request():
    return word.get()


async def later(request, name):
    """An async view, with a synchronous part, tasks of its own and a context."""
    word.set(name)
    both = await asyncio.gather(of_this_request(), asyncio.sleep(0.01, "slept"))
    return JsonResponse({"name": word.get(), "both": both})


def inside(request, name):
    """A synchronous view that enters a loop itself."""

    async def inner():
        await asyncio.sleep(0)
        return name

    return JsonResponse({"name": async_to_sync(inner)()})


@csrf_exempt
def upload(request):
    seen = {}
    for field, upload in request.FILES.items():
        digest = hashlib.sha256()
        for chunk in upload.chunks():
            digest.update(chunk)
        seen[field] = [upload.name, upload.size, digest.hexdigest(), hasattr(upload, "temporary_file_path")]
    return JsonResponse({"files": seen, "fields": request.POST.dict()})


@csrf_exempt
def body(request):
    """The body as it comes, read by the view."""
    digest, size = hashlib.sha256(), 0
    while piece := request.read(65536):
        digest.update(piece)
        size += len(piece)
    return JsonResponse({"size": size, "sha256": digest.hexdigest()})


django.setup()

urlpatterns = [
    path("where/<path:name>", where, name="where"), path("away/<path:name>", away), path("file/<path:name>", file),
    path("memory", memory), path("half/<path:name>", half), path("part/<path:name>", part),
    path("accel/<path:name>", accel), path("sendfile/<path:name>", sendfile), path("stream", stream), path("astream", astream),
    path("later/<str:name>", later), path("inside/<str:name>", inside), path("upload", upload), path("body", body),
] + i18n_patterns(path("page/<str:name>/", where, name="page"))
application = get_wsgi_application()
