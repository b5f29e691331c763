"""Builds, lists, counts and proves the endgame tables of a game."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING

from selfplay import errors
from selfplay.cli.console import output
from selfplay.errors import UserError

if TYPE_CHECKING:
    from games.endgames.tables import Endgames
    from games.endgames.verify import Counts

DESCRIPTION = """Endgame tables: exact results and distances of all positions with few pieces, computed from the rules.

Checkers: one table for each number of pieces up to 4, and 5 on request. Chess: KQK, KRK, KPK, KBNK. They are kept in
the user's cache ($SELFPLAY_CACHE_DIR, else $XDG_CACHE_HOME/selfplay, else ~/.cache/selfplay).
"""
EPILOG = """examples:
  selfplay games endgames list
  selfplay games endgames build checkers
  selfplay games endgames build checkers 5-piece
  selfplay games endgames build chess KRK
  selfplay games endgames counts chess KQK KRK --json
  selfplay games endgames verify checkers
"""
SHOWN = 5  # faults that are named


def add_arguments(parser: argparse.ArgumentParser) -> None:
    steps = parser.add_subparsers(dest="step", metavar="ACTION", required=True)
    listing = steps.add_parser("list", help="which tables there are, and which are built")
    listing.add_argument("name", metavar="GAME", nargs="?", help="a game's name (default: all)")
    build = steps.add_parser("build", help="compute tables that are not built yet")
    counts = steps.add_parser("counts", help="positions won, drawn and lost by material, of tables built")
    verify = steps.add_parser("verify", help="prove every position of tables built by its moves; exit code 1 if not")
    for step in (listing, build, counts, verify):
        step.epilog, step.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter
    for step in (build, counts, verify):
        step.add_argument("name", metavar="GAME", help="a game's name")
        step.add_argument("tables", metavar="TABLE", nargs="*", help="tables by name (default: the usual ones)")
    build.add_argument("--again", action="store_true", help="also those that are built, as after damage")
    for step in (listing, counts):
        step.add_argument("--json", action="store_true", help="one JSON object a line")


def run(arguments: argparse.Namespace) -> int:
    import games
    from games.endgames.store import TableError

    try:
        if arguments.step == "list":
            names = games.available() if arguments.name is None else [arguments.name]
            return _list([_endgames(name) for name in names], arguments.name is not None, arguments.json)
        endgames = _endgames(arguments.name)
        chosen = _chosen(endgames, arguments.tables)
        if arguments.step == "build":
            return _build(endgames, chosen, arguments.again)
        return _verify(endgames, chosen) if arguments.step == "verify" else _counts(endgames, chosen, arguments.json)
    except TableError as error:
        raise UserError(str(error)) from None


def _endgames(name: str) -> Endgames:
    import games
    from games.endgames.tables import Endgames

    try:
        return games.facet(games.make(name), Endgames)
    except ValueError as error:
        raise UserError(str(error)) from None


def _chosen(endgames: Endgames, words: list[str]) -> list[str]:
    """The tables that were asked for, in the order in which they are built."""
    game = endgames.game.name
    if not endgames.names:
        raise UserError(f"{game} has no endgame tables; checkers and chess have.")
    by_lower = {name.lower(): name for name in endgames.names}
    for word in words:
        if word.lower() not in by_lower:
            raise UserError(
                f"{game} has no endgame table '{errors.shorten(word, 40)}'.{errors.suggest(word, endgames.names)} "
                f"Its tables: {', '.join(endgames.names)}."
            )
    wanted = {by_lower[word.lower()] for word in words} or set(endgames.default)
    return [name for name in endgames.names if name in wanted]


def _list(of_games: list[Endgames], asked: bool, as_json: bool) -> int:
    from games.endgames import store

    if asked and not of_games[0].names:
        _chosen(of_games[0], [])  # says so
    if not as_json:
        print(f"{'game':10} {'table':8} {'size':>9}  state")
    for endgames in of_games:
        for name in endgames.names:
            path = store.files(endgames, name)[0]
            built = store.exists(endgames, name)
            if as_json:
                said = {"game": endgames.game.name, "table": name, "bytes": endgames.size(name), "built": built}
                print(json.dumps({**said, "default": name in endgames.default, "path": str(path)}))
            else:
                state = (
                    f"built: {path}" if built else "not built" if name in endgames.default else "not built; optional"
                )
                print(f"{endgames.game.name:10} {name:8} {endgames.size(name) / 1e6:6.1f} MB  {state}")
    return 0


def _build(endgames: Endgames, chosen: list[str], again: bool) -> int:
    from games.endgames import store

    needed = {need for name in chosen for need in endgames.needs(name)}
    wanted = [name for name in endgames.names if name in needed or name in chosen]
    missing = [name for name in wanted if not store.exists(endgames, name) or (again and name in chosen)]
    game = endgames.game.name
    if not missing:
        print(f"All are built: {', '.join(chosen)}, in {store.folder(game)}.")
        return 0
    size, memory = sum(map(endgames.size, missing)), max(map(endgames.memory, missing))
    with store.building(endgames):
        if store.free_space(game) < size:
            raise UserError(
                f"the tables {', '.join(missing)} take {size / 1e6:.1f} MB, and {store.folder(game)} has "
                f"{store.free_space(game) / 1e6:.1f} MB left; SELFPLAY_CACHE_DIR names another folder."
            )
        print(f"Building {', '.join(missing)} of {game}: {size / 1e6:.1f} MB of disk, about {memory / 1e6:,.0f} MB of "
              f"memory, about {_span(size / endgames.pace)} on one idle core; compiling, once, is more.",
              flush=True)  # fmt: skip
        tables = {name: store.load(endgames, name) for name in wanted if name not in missing}
        for name in missing:
            began = time.monotonic()
            with _Meter(f"{game} {name}") as meter:
                table = endgames.build(name, tables, meter.show)
            digest = store.save(endgames, name, table)
            tables[name] = store.load(endgames, name)
            print(
                f"{name}: {len(table):,} slots in {time.monotonic() - began:.1f} s, SHA-256 {digest[:16]}…", flush=True
            )
    print(f"Kept in {store.folder(game)}. `selfplay games endgames verify {game}` proves every position.")
    return 0


def _built(endgames: Endgames, chosen: list[str]) -> list[str]:
    from games.endgames import store

    built = [name for name in chosen if store.exists(endgames, name)]
    if not built:
        raise UserError(
            f"no table of these is built ({', '.join(chosen)}): `selfplay games endgames build {endgames.game.name}`."
        )
    return built


def _verify(endgames: Endgames, chosen: list[str]) -> int:
    from games.endgames import store, verify
    from games.endgames.tables import NOTHING

    code = 0
    for name in _built(endgames, chosen):
        known = {one: store.load(endgames, one) for one in (*endgames.needs(name), name)}
        began = time.monotonic()
        with _Meter(f"{endgames.game.name} {name}") as meter:
            found = list(verify.faults(endgames, name, known, meter.show))
        positions = int((known[name] != NOTHING).sum())
        verdict = f"{len(found):,} do not" if found else "all do"
        print(f"{name}: digest ok; {positions:,} positions, whose results must follow from their moves: {verdict} "
              f"({time.monotonic() - began:.1f} s)", flush=True)  # fmt: skip
        for fault in found[:SHOWN]:
            print(f"  slot {fault.slot}: holds {fault.found}, expected {fault.expected}")
        code = max(code, 1 if found else 0)
    return code


def _counts(endgames: Endgames, chosen: list[str], as_json: bool) -> int:
    from games.endgames import store, verify

    if not as_json:
        print(
            f"{'table':8} {'material':16} {'positions':>11} {'won':>11} {'drawn':>11} {'lost':>11}  longest win, loss"
        )
    for name in _built(endgames, chosen):
        rows = verify.counts(endgames, name, store.load(endgames, name))
        for row in [*rows, _total(rows)] if len(rows) > 1 else rows:
            if as_json:
                print(json.dumps({"game": endgames.game.name, "table": name, **row._asdict()}))
            else:
                print(f"{name:8} {row.kind:16} {row.positions:11,} {row.wins:11,} {row.draws:11,} {row.losses:11,}"
                      f"  {row.longest_win}, {row.longest_loss}")  # fmt: skip
    return 0


def _total(rows: list[Counts]) -> Counts:
    from games.endgames.verify import Counts

    positions, wins, draws, losses = (sum(column) for column in zip(*(row[1:5] for row in rows), strict=True))
    longest = max(row.longest_win for row in rows), max(row.longest_loss for row in rows)
    return Counts("all", positions, wins, draws, losses, *longest)


def _span(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{seconds / 60:.0f} min"


class _Meter:
    """One line on a terminal that says how far a piece of work is, and how long it will take; a context."""

    _FIRST, _EVERY = 1.0, 0.25  # seconds

    def __init__(self, what: str) -> None:
        self._what, self._began = what, time.monotonic()
        self._due = self._began + self._FIRST if output.can_redraw(sys.stderr) else float("inf")
        self._drawn = False

    def __enter__(self) -> _Meter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawn:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def show(self, share: float) -> None:
        """share: of the work that is done, in [0, 1]; draws seldom."""
        now = time.monotonic()
        if now >= self._due:
            self._due, self._drawn = now + self._EVERY, True
            left = (now - self._began) / share * (1 - share) if share > 0 else 0.0
            rest = f", about {_span(left)} left" if share > 0.02 else ""
            print(f"\r\x1b[K{self._what}: {share:.0%}{rest}", end="", file=sys.stderr, flush=True)
