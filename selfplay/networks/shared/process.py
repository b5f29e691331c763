"""The inference server's process. Run by `launcher`, with the number of the listening socket's descriptor; what it is
to serve comes on its standard input. It leaves the process that started it, so that it outlives that one."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import sys

from selfplay.networks.shared import messages


def main() -> None:
    given = sys.stdin.buffer.read()
    listening = socket.socket(fileno=int(sys.argv[1]))
    waits, tells = os.pipe()
    if os.fork():  # before anything has started a thread
        os.close(tells)
        os.read(waits, 1)  # until the other half listens, or has ended
        os._exit(0)
    listening.listen(messages.BACKLOG)  # anew, so that clients see which process to end where it hangs
    os.close(waits)
    os.close(tells)
    os.setpgid(0, 0)  # so that nothing that is sent to the starter's group ends it; it ends when its clients have gone
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    number, game, network, config = pickle.loads(given)

    from selfplay.networks.shared import server

    with listening:
        server.serve(listening, number, game, network, config)


if __name__ == "__main__":
    main()
