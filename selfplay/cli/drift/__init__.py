"""Shows what drifted: in a run (`run`), or in a file of your own against a reference (`watch`)."""

from __future__ import annotations

import argparse

EPILOG = """examples:
  selfplay drift run runs/connect-four
  selfplay drift watch week.csv --reference train.csv
  selfplay drift watch week.parquet --reference train.parquet --every 1d --png drift.png

exit codes: 0 no drift, 1 drift was found, 2 refused
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from selfplay.cli.drift import alarms, watch

    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    one = actions.add_parser(
        "watch", help="a CSV or Parquet file against a reference, column by column and window by window",
        description=watch.__doc__, epilog=watch.EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    watch.add_arguments(one)
    other = actions.add_parser(
        "run", help="alarms of a run, when and by which test, as a table, JSON lines or a picture",
        description=alarms.__doc__, epilog=alarms.EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    alarms.add_arguments(other)


def run(arguments: argparse.Namespace) -> int:
    if arguments.action == "run":
        from selfplay.cli.drift import alarms

        return alarms.run(arguments)
    from selfplay.cli.drift import watch

    return watch.run(arguments)
