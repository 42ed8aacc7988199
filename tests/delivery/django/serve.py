"""Serves the API on a port of its own, by Django's own server for development; its first line of output is its address."""

import os
import sys
from threading import Thread

import django
from django.conf import settings
from django.core.management import call_command
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application


class Handler(WSGIRequestHandler):
    """Lets a view cut its client's connection."""

    # Head and body of an answer are written one by one: the second would wait for the client's word that it has the first.
    disable_nagle_algorithm = True

    def get_environ(self):
        return super().get_environ() | {"connection": self.connection}


def fill():
    """Tables, one home, one account with a token, and a folder for files."""
    # Models can be imported only after django.setup().
    from django.contrib.auth.models import User
    from hardware.models import Home
    from rest_framework.authtoken.models import Token

    settings.MEDIA_ROOT.mkdir()
    call_command("migrate", run_syncdb=True, verbosity=0)
    Home.objects.create(pk=os.environ["API_HOME"])
    Token.objects.create(user=User.objects.create_user("listener"), key=os.environ["API_TOKEN"])


def main():
    """Serves until its standard input ends, as it does when the test ends in whatever way."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), Handler)
    server.set_app(get_wsgi_application())
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
    django.setup()
    fill()
    main()
