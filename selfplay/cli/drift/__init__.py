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
    from selfplay.cli.drift import run_report, watch

    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    one = actions.add_parser(
        "watch", help="a CSV or Parquet file against a reference, column by column and window by window",
        description=watch.__doc__, epilog=watch.EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    watch.add_arguments(one)
    other = actions.add_parser(
        "run", help="what a run is watched for, and its alarms: tables, JSON lines or a picture",
        description=run_report.__doc__, epilog=run_report.EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    run_report.add_arguments(other)


def run(arguments: argparse.Namespace) -> int:
    if arguments.action == "run":
        from selfplay.cli.drift import run_report

        return run_report.run(arguments)
    from selfplay.cli.drift import watch

    return watch.run(arguments)
