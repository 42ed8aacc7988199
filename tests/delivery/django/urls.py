"""The API's routes. Any other address is a page for people who are logged in, so there is no 404."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.urls import include, path, re_path
from hardware import views
from rest_framework.routers import SimpleRouter

rows = SimpleRouter()
rows.register("audio", views.AudioViewSet)
rows.register("video", views.VideoViewSet)

urlpatterns = [
    path("hardware/register/", views.RegisterView.as_view()),
    path("hardware/storage_solution/", views.storage_solution),
    path("hardware/upload_file/", views.upload_file),
    path("hardware/list_files/", views.list_files),
    path("hardware/", include(rows.urls)),
    path("queue_task/ai_task/", views.ai_task),
    # For the tests alone.
    path("tests/tasks/", views.TasksView.as_view()),
    path("tests/counts/", views.counts),
    re_path("", login_required(lambda request: HttpResponse("A page for people"))),
]
