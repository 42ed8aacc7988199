"""Reads an utterance as the workers behind the API do."""

from datetime import datetime

from django.conf import settings

from .models import Audio

CLUSTERS = [
    "CLUSTER_Q_ETE_CONVERSATION",
    "CLUSTER_Q_NO_EMOTION_ETE_CONVERSATION",
    "CLUSTER_HF_ETE_CONVERSATION",
    "CLUSTER_GPT_4O_ETE_CONVERSATION",
    "CLUSTER_GPT_4O_TEXT_ETE_CONVERSATION",
    "CLUSTER_GPT_35_ETE_CONVERSATION",
    "CLUSTER_GPT_35_RAG_ETE_CONVERSATION",
]


def fault_of(track_id, uid, home_id, audio_index, start_time, end_time, **_others):
    """Why a worker cannot do this task, or nothing."""
    rows = Audio.objects.filter(home_id=home_id, uid=uid, sequence_index=audio_index)
    if [row.track_id for row in rows] != [track_id]:
        return f"rows with the track ids {[row.track_id for row in rows]}, and the task has {track_id}"
    try:
        _start, end = (datetime.strptime(time, "%Y-%m-%dT%H:%M:%S.%f") for time in (start_time, end_time))
    except ValueError as error:
        return str(error)
    file = settings.MEDIA_ROOT / f"Listener/audio/{uid}/{audio_index}-{end:%Y%m%d%H%M%S}.wav"
    return "" if file.is_file() else f"no file {file.name}"
