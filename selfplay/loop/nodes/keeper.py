"""The keeper: a process that starts Ray in a session of its own, and ends it when the process that asked for it ends.

A signal to a trainer's process group (Ctrl-C in a terminal) so reaches no process of Ray, and a trainer that was killed
leaves none behind. It is run as a file, by `node`, and imports nothing of ours.

    keeper.py CPUS FOLDER    prints Ray's address; ends, with all of Ray, at the end of its input
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path


def members(session: int) -> list[int]:
    """Living processes of a session but this one, wherever /proc tells."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, _, of = path.read_text(errors="replace").rpartition(")")[2].split()[:4]
            if int(of) == session and state != "Z" and int(path.parent.name) != os.getpid():
                found.append(int(path.parent.name))
    return found


def end(folder: str) -> None:
    """Ends every process of this session, this one last. All of them are Ray's, and hold nothing that is to be kept."""
    if not Path("/proc").is_dir():
        import ray

        ray.shutdown()
    deadline = time.monotonic() + 5
    while (pids := members(os.getsid(0))) and time.monotonic() < deadline:
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def watch(folder: str) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 1):
            pass
    end(folder)


def main() -> None:
    cpus, folder = sys.argv[1:]
    threading.Thread(target=watch, args=(folder,), daemon=True).start()
    try:
        import ray

        ray.init(
            address="local", num_cpus=int(cpus), include_dashboard=False, logging_level=logging.ERROR,
            log_to_driver=False, _temp_dir=folder,
        )  # fmt: skip
        sys.stdout.write(f"{ray.get_runtime_context().gcs_address}\n")
        sys.stdout.flush()
        threading.Event().wait()
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.stderr.flush()
        end(folder)


if __name__ == "__main__":
    main()
