"""In the virtual machine: proxy.py PORT SERVER_PORT SEED passes connections on to demo-api and breaks some: it cuts them in a request,
cuts them when the answer comes, and refuses all for a while now and then. After SIGUSR1 it breaks no more."""

import random
import signal
import socket
import sys
import threading
import time

# One piece of data in so many is the last of its connection.
CUT_REQUEST, CUT_ANSWER = 60, 12
PERIOD_S, OUTAGE_S = 30, 5
IS_KIND = threading.Event()


def pass_on(source, target, chance, one_in, keep_half):
    """Until it ends or is cut. Of a request that is cut half arrives, of an answer nothing."""
    try:
        while data := source.recv(1 << 16):
            is_last = not IS_KIND.is_set() and chance.randrange(one_in) == 0
            target.sendall(data[:len(data) // 2 * keep_half] if is_last else data)
            if is_last:
                break
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(client, server_port, chance):
    """One connection."""
    try:
        server = socket.create_connection(("127.0.0.1", server_port))
    except OSError:
        client.close()
        return
    for source, target, one_in, keep_half in ((client, server, CUT_REQUEST, 1), (server, client, CUT_ANSWER, 0)):
        threading.Thread(target=pass_on, args=(source, target, chance, one_in, keep_half), daemon=True).start()


def main():
    port, server_port, seed = map(int, sys.argv[1:])
    signal.signal(signal.SIGUSR1, lambda *_: IS_KIND.set())
    chance = random.Random(seed)
    listener = socket.create_server(("127.0.0.1", port))
    began = time.monotonic()
    while True:
        client, _ = listener.accept()
        if not IS_KIND.is_set() and (time.monotonic() - began) % PERIOD_S > PERIOD_S - OUTAGE_S:
            client.close()
        else:
            serve(client, server_port, chance)


main()
