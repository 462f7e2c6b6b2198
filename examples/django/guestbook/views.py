"""Pages that exercise what an application server has to do: forms, sessions, uploads, streams, slowness, errors."""

import hashlib
import os
import time

from django import forms
from django.http import JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt

from .models import Message

PIECE = 64 * 1024


class MessageForm(forms.ModelForm):
    """The form on the front page."""

    class Meta:
        model = Message
        fields = ["author", "text"]


def index(request):
    """List the messages; take a new one by POST, guarded by Django's CSRF token."""
    form = MessageForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect("index")
    messages = Message.objects.order_by("-id")[:20]
    return render(request, "guestbook/index.html", {"form": form, "messages": messages}, status=400 if form.errors else 200)


def visits(request):
    """Count the visits of this session."""
    request.session["visits"] = request.session.get("visits", 0) + 1
    return JsonResponse({"visits": request.session["visits"]})


def upload(request):
    """A form with a file; the answer is its size and SHA-256."""
    if request.method != "POST":
        return render(request, "guestbook/upload.html")
    file = request.FILES["file"]
    digest = hashlib.sha256()
    for piece in file.chunks():
        digest.update(piece)
    return JsonResponse({"name": file.name, "size": file.size, "sha256": digest.hexdigest()})


@csrf_exempt
def upload_raw(request):
    """The request body as it is, read in pieces; for scripts."""
    digest, size = hashlib.sha256(), 0
    while piece := request.read(PIECE):
        digest.update(piece)
        size += len(piece)
    return JsonResponse({"size": size, "sha256": digest.hexdigest()})


def download(request, mebibytes):
    """A streamed answer without a Content-Length."""

    def pieces():
        for number in range(mebibytes * 1024 * 1024 // PIECE):
            yield bytes([number % 256]) * PIECE

    return StreamingHttpResponse(pieces(), content_type="application/octet-stream")


def sleep(request, seconds):
    """A slow page."""
    time.sleep(min(float(seconds), 3600))
    return JsonResponse({"slept": seconds})


def boom(request):
    """A page that fails."""
    raise RuntimeError("this page always fails, on purpose")


def whoami(request):
    """Which process answered, as which user."""
    return JsonResponse({"pid": os.getpid(), "uid": os.getuid(), "gid": os.getgid(), "cwd": os.getcwd()})


def echo(request, rest):
    """What arrived, as Django understands it."""
    return JsonResponse(
        {
            "rest": rest,
            "path": request.path,
            "path_info": request.META["PATH_INFO"],
            "query": request.META.get("QUERY_STRING", ""),
            "get": {key: request.GET.getlist(key) for key in request.GET},
            "method": request.method,
            "scheme": request.scheme,
            "host": request.get_host(),
            "headers": dict(request.headers),
            "cookies": request.COOKIES,
        }
    )
