"""What the API does."""

import itertools
import socket
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from threading import Timer

from django.conf import settings
from django.db import connection
from django.utils import timezone
from rest_framework.decorators import api_view
from rest_framework.generics import CreateAPIView, ListAPIView
from rest_framework.mixins import CreateModelMixin, DestroyModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from .models import Audio, HardwareDevice, Task, Video
from .serializers import AudioSerializer, DeviceSerializer, TaskSerializer, VideoSerializer
from .worker import CLUSTERS, fault_of

posted = itertools.count(1)
# For the tests to see that it was so.
done = Counter()


class RegisterView(CreateAPIView):
    queryset = HardwareDevice.objects.all()
    serializer_class = DeviceSerializer


class RowViewSet(CreateModelMixin, DestroyModelMixin, GenericViewSet):
    def perform_create(self, serializer):
        """Makes the row; or cuts the connection and makes it later."""
        if not settings.LATE_EVERY or next(posted) % settings.LATE_EVERY:
            serializer.save()
            return
        Timer(settings.LATE_S, make_late, [self.get_queryset().create], serializer.validated_data).start()
        self.request.META["connection"].shutdown(socket.SHUT_RDWR)

    def perform_destroy(self, instance):
        instance.delete()
        done["deleted"] += 1


class AudioViewSet(RowViewSet):
    queryset = Audio.objects.all()
    serializer_class = AudioSerializer


class VideoViewSet(RowViewSet):
    queryset = Video.objects.all()
    serializer_class = VideoSerializer


class TasksView(ListAPIView):
    queryset = Task.objects.all()
    serializer_class = TaskSerializer


def make_late(make, **values):
    """Makes a row in a thread that no request waits for."""
    make(**values)
    connection.close()
    done["late"] += 1


@api_view()
def storage_solution(_request):
    return Response({"storage_solution": "api"})


@api_view(["POST"])
def upload_file(request):
    """Keeps a file, in place of the one before it."""
    file = request.FILES.get("file")
    if file is None:
        return Response({"message": "No file found."}, status=400)
    if "dest_path" not in request.data:
        return Response({"message": "dest_path is required."}, status=400)
    place = settings.MEDIA_ROOT / request.data["dest_path"]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(file.read())
    return Response({"message": "File uploaded successfully."})


@api_view()
def list_files(request):
    """Rows by when they were made. The time is in the body, although this is a GET."""
    if "from_time" in request.data:
        since = datetime.fromtimestamp(float(request.data["from_time"]), UTC)
    else:
        since = timezone.now() - timedelta(days=100)
    audio, video = (model.objects.filter(created_at__gte=since) for model in (Audio, Video))
    return Response({"audio_files": AudioSerializer(audio, many=True).data, "video_files": VideoSerializer(video, many=True).data})


@api_view(["POST"])
def ai_task(request):
    """Queues a task. What it cannot unpack is a 500."""
    serializer = TaskSerializer(data=request.data)
    serializer.is_valid(raise_exception=True)
    track_id = serializer.validated_data.get("track_id", f"T-{CLUSTERS[0]}-{uuid.uuid4().hex}")
    if track_id.split("-")[1] not in CLUSTERS:
        raise LookupError(track_id)
    task = serializer.save(track_id=track_id, fault=fault_of(track_id, **serializer.validated_data["parameters"]))
    return Response({"message": "LLM task queued successfully", "task_id": task.id})


@api_view()
def counts(_request):
    """How many rows came late, and how many were deleted."""
    return Response({"late": done["late"], "deleted": done["deleted"]})
