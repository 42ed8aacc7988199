"""The tables, with the limits of the API's own."""

from django.core.validators import MaxValueValidator
from django.db import models


class Home(models.Model):
    """Where devices are."""


class Row(models.Model):
    """What all rows have."""

    home = models.ForeignKey(Home, models.CASCADE, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class HardwareDevice(Row):
    """A listener."""

    mac_address = models.CharField(max_length=100, unique=True)
    device_name = models.CharField(max_length=100, null=True, blank=True)
    device_type = models.CharField(max_length=100, null=True, blank=True)
    description = models.TextField(null=True, blank=True)

    class Meta:
        verbose_name = "Hardware Device"


class Recording(Row):
    """What a device has recorded. Nothing keeps two rows of one recording apart: the API takes both."""

    uid = models.CharField(max_length=100)
    hardware_device_mac_address = models.CharField(max_length=100, null=True, blank=True)
    start_time = models.DateTimeField()
    end_time = models.DateTimeField()

    class Meta:
        abstract = True


class Audio(Recording):
    """An utterance."""

    # As far as PostgreSQL's integers go.
    sequence_index = models.IntegerField(validators=[MaxValueValidator(2147483647)])
    audio_file = models.CharField(max_length=100)
    track_id = models.CharField(max_length=100, null=True, blank=True)


class Video(Recording):
    """A clip."""

    video_file = models.CharField(max_length=100)


class Task(models.Model):
    """Work on an utterance; `fault` is what a worker would stumble over."""

    name = models.CharField(max_length=100)
    task_name = models.CharField(max_length=100)
    track_id = models.CharField(max_length=100, blank=True)
    parameters = models.JSONField(default=dict)
    fault = models.TextField(editable=False)
