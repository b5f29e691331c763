"""Watches data for drift: a file of your own against a reference (`watch`)."""

from __future__ import annotations

import argparse

EPILOG = """examples:
  selfplay drift watch week.csv --reference train.csv
  selfplay drift watch --help

exit codes: 0 no drift, 1 drift was found, 2 refused
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from selfplay.cli.drift import watch

    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    one = actions.add_parser(
        "watch", help="a CSV or Parquet file against a reference, column by column and window by window",
        description=watch.__doc__, epilog=watch.EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    watch.add_arguments(one)


def run(arguments: argparse.Namespace) -> int:
    from selfplay.cli.drift import watch

    return watch.run(arguments)
