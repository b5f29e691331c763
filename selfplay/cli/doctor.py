"""Checks this machine and installation: a line for each thing, with its figure and, where it is wrong, the remedy.

`ok` is as it should be; `warn` works, but slower or less safely than it could; `fail` does not work. Writes nothing but
temporary files, and compiled kernels to their cache. Exit code 1 if anything failed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selfplay.cli.checkup.finding import Finding

EPILOG = """examples:
  selfplay doctor
  selfplay doctor --quick
  selfplay doctor --json

--json prints one object: {"ok": true, "checks": [{"status": "ok", "what": …, "figure": …, "remedy": …}, …]}.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--quick", action="store_true", help="leave out the inference server and the training, about 25 seconds"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")


def run(arguments: argparse.Namespace) -> int:
    from selfplay.cli.checkup import machine, program, serving

    checks = [
        *machine.CHECKS,
        *program.QUICK,
        *([] if arguments.quick else [serving.shared_inference, program.training]),
    ]
    found = []
    for finding in _made(checks):
        found.append(finding)
        if not arguments.json:
            remedy = f"\n      → {finding.remedy}" if finding.remedy else ""
            print(f"{finding.status:4}  {finding.what}: {finding.figure}{remedy}", flush=True)
    failed = sum(finding.status == "fail" for finding in found)
    if arguments.json:
        print(json.dumps({"ok": not failed, "checks": [finding._asdict() for finding in found]}))
    else:
        warned = sum(finding.status == "warn" for finding in found)
        print(f"{len(found) - failed - warned} ok, {warned} to look at, {failed} failed")
    return 1 if failed else 0


def _made(checks: list[Callable[[], list[Finding]]]) -> Iterator[Finding]:
    from selfplay.cli.checkup.finding import Finding

    for check in checks:
        try:
            yield from check()
        except Exception as error:  # whatever is broken here is what was looked for
            said = " ".join(str(error).split())[:200]
            remedy = "install selfplay again in an environment of its own; if that does not help, report this line"
            yield Finding("fail", check.__name__.replace("_", " "), f"{type(error).__name__}: {said}", remedy)
