"""What the API takes and gives. All checks and their words are those of Django REST framework."""

from rest_framework.serializers import ModelSerializer

from .models import Audio, HardwareDevice, Task, Video


class DeviceSerializer(ModelSerializer):
    class Meta:
        model = HardwareDevice
        fields = "__all__"


class AudioSerializer(ModelSerializer):
    class Meta:
        model = Audio
        fields = "__all__"


class VideoSerializer(ModelSerializer):
    class Meta:
        model = Video
        fields = "__all__"


class TaskSerializer(ModelSerializer):
    class Meta:
        model = Task
        fields = "__all__"
