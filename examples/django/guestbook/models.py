"""What is stored."""

from django.db import models


class Message(models.Model):
    """One line that a visitor left."""

    author = models.CharField(max_length=80)
    text = models.TextField()
    written_at = models.DateTimeField(auto_now_add=True)

    def __str__(self):
        return f"{self.author}: {self.text[:40]}"
