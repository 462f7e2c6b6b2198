"""Addresses of the demo project."""

from django.contrib import admin
from django.urls import path
from guestbook import views

urlpatterns = [
    path("", views.index, name="index"),
    path("admin/", admin.site.urls),
    path("visits", views.visits, name="visits"),
    path("upload", views.upload, name="upload"),
    path("upload/raw", views.upload_raw, name="upload-raw"),
    path("download/<int:mebibytes>", views.download, name="download"),
    path("sleep/<str:seconds>", views.sleep, name="sleep"),
    path("boom", views.boom, name="boom"),
    path("whoami", views.whoami, name="whoami"),
    path("echo/<path:rest>", views.echo, name="echo"),
]
