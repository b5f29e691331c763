"""Checks of the machine: packages, device, cores, memory, disks, sockets, and what Ray will find. Changes nothing."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import stat
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from selfplay import __version__
from selfplay.cli.checkup.finding import GIB, Finding, gib, judge
from selfplay.cores import CGROUP, words
from selfplay.cores import limit as cpu_limit
from selfplay.cores import usable as usable_cores

PACKAGES = ("torch", "numpy", "numba", "ray", "safetensors", "scipy", "msgspec", "tensorboard", "chess")
LOW_MEMORY, LOW_SHARED, LOW_DISK, NO_DISK = 2 * GIB, 1 * GIB, 2 * GIB, 0.2 * GIB


def versions() -> list[Finding]:
    found, missing = [f"selfplay {__version__}", f"Python {platform.python_version()}"], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    figure = ", ".join(found) + (f"; missing: {', '.join(missing)}" if missing else "")
    return [judge("versions", figure, "install selfplay again, with its dependencies: pip install selfplay",
                  fail=bool(missing) or sys.version_info < (3, 11))]  # fmt: skip


def device() -> list[Finding]:
    import torch

    from selfplay import device as devices

    best = devices.best()
    name = torch.cuda.get_device_name() if best.type == "cuda" else "CPU"
    number = str(devices.compute_dtype(best.type)).removeprefix("torch.")
    hidden = best.type == "cpu" and Path("/dev/nvidiactl").exists()
    return [judge("device", f"{name}, computing in {number}",
                  "torch cannot use the GPU: install the build of torch for its driver", warn=hidden)]  # fmt: skip


def cores() -> list[Finding]:
    count, mine, limit = os.cpu_count() or 1, usable_cores(), cpu_limit()
    figure = f"{count} in the machine, {mine} for this process" + (f", limited to {limit:g}" if limit else "")
    least = min(mine, limit or mine)
    remedy = (
        f"Ray counts {count} cores and starts as many actors as are asked for: keep --actors below {max(1, int(least))}"
    )
    return [judge("cores", figure, remedy, warn=least < count)]


def memory_limit(root: Path = CGROUP) -> int | None:
    """Bytes that the control group grants; None: no limit."""
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        found = words(root / name)
        if found and found[0] != "max" and int(found[0]) < 2**60:
            return int(found[0])
    return None


def memory() -> list[Finding]:
    import psutil

    now, limit = psutil.virtual_memory(), memory_limit()
    figure = f"{gib(now.available)} available of {gib(now.total)}" + (f", limited to {gib(limit)}" if limit else "")
    low = min(now.available, limit or now.available) < LOW_MEMORY
    return [
        judge(
            "memory", figure, "a run with two actors needs about 2 GiB: use --actors 0, or end other programs", warn=low
        )
    ]


def threads() -> list[Finding]:
    given = os.environ.get("OMP_NUM_THREADS", "")
    many = given.isdigit() and int(given) > usable_cores()
    wrong = bool(given) and not given.replace(",", "").isdigit()
    figure = f"one in each process of selfplay; OMP_NUM_THREADS is {given or 'unset'}"
    return [judge("threads", figure, "unset OMP_NUM_THREADS: more threads than cores wait for one another",
                  warn=many or wrong)]  # fmt: skip


def shared_memory() -> list[Finding]:
    if not Path("/dev/shm").is_dir():
        return [Finding("ok", "shared memory", "no /dev/shm on this system")]
    size = shutil.disk_usage("/dev/shm").free
    return [judge("shared memory", f"{gib(size)} free in /dev/shm",
                  "Ray falls back to slow files: give the container more, as with docker run --shm-size=2g",
                  warn=size < LOW_SHARED)]  # fmt: skip


def disks() -> list[Finding]:
    found = []
    for what, place in (("disk of runs", Path.cwd()), ("disk of temporary files", Path(tempfile.gettempdir()))):
        free, writable = shutil.disk_usage(place).free, os.access(place, os.W_OK)
        figure = f"{gib(free)} free in '{place}'" + ("" if writable else ", which cannot be written to")
        room = "make room; a run of chess needs about 2 GiB, and a replay on disk its window besides"
        remedy = room if writable else "name a folder of yours with --run"
        found.append(judge(what, figure, remedy, warn=free < LOW_DISK or not writable, fail=free < NO_DISK))
    return found


def sockets() -> list[Finding]:
    try:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            one.listen()
            with socket.create_connection(one.getsockname(), timeout=5):
                pass
    except OSError as error:
        remedy = "let processes of this machine reach each other (firewall, sandbox), or use --actors 0"
        return [Finding("fail", "sockets", f"no connection on 127.0.0.1 ({error.strerror or error})", remedy)]
    return [Finding("ok", "sockets", "a port opened on 127.0.0.1 and reached")]


def ray_access() -> list[Finding]:
    """Whether only who has the token reaches the ports that Ray opens on every interface."""
    from selfplay.loop.nodes import node

    mode, file = os.environ.get("RAY_AUTH_MODE"), node.token_file()
    if mode == "disabled":
        return [Finding("fail", "Ray's access", "RAY_AUTH_MODE is 'disabled': whoever reaches a port can run code here",
                        "unset RAY_AUTH_MODE, or set it to token")]  # fmt: skip
    found = [Finding("ok", "Ray's access", f"mode {mode or 'token, which selfplay sets'}")]
    if file.is_file():
        bits = stat.S_IMODE(file.stat().st_mode)
        found.append(judge("Ray's token", f"'{file}' has mode {bits:04o}",
                           f"others can read it: chmod 600 '{file}'", warn=bool(bits & 0o077)))  # fmt: skip
    return found


CHECKS = (versions, device, cores, memory, threads, shared_memory, disks, sockets, ray_access)
