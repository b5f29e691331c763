"""The inference server's process. Run by `launcher`, with the number of the listening socket's descriptor; what it is
to serve comes on its standard input. It leaves the process that started it, so that it outlives that one."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import sys


def main() -> None:
    given = sys.stdin.buffer.read()
    if os.fork():  # before anything has started a thread
        os._exit(0)
    os.setpgid(0, 0)  # so that nothing that is sent to the starter's group ends it; it ends when its clients have gone
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    number, game, network, config = pickle.loads(given)

    from selfplay.networks.shared import server

    with socket.socket(fileno=int(sys.argv[1])) as listening:
        server.serve(listening, number, game, network, config)


if __name__ == "__main__":
    main()
