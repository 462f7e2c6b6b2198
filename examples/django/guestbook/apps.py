"""The one app of the demo project."""

from django.apps import AppConfig


class GuestbookConfig(AppConfig):
    """Messages that visitors leave."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "guestbook"
