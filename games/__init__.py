"""Games: rules, and as facets their notation, boards, engines and solvers. Knows no networks and no learning.

`make(name)` builds a game; `available()` lists the names; `facet(game, kind)` gives what a game has besides its rules,
such as its notation. The games of this package are named in a lazy table, so that listing them imports none; games of
other packages join through the entry-point group ``selfplay.games`` (the entry's value names a subclass of
`games.base.Game`), and OpenSpiel's games by names such as "open_spiel:hex(board_size=3)".
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import sys
import tempfile
import warnings
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from games.base import Game

Facet = TypeVar("Facet")

ENTRY_POINT_GROUP = "selfplay.games"

_TABLE = {
    "tic-tac-toe": "games.tic_tac_toe:TicTacToe",
    "connect-four": "games.connect_four.rules:ConnectFour",
    "checkers": "games.checkers.rules:Checkers",
    "chess": "games.chess.rules:Chess",
}

# Games of other libraries, by the part of the name before a colon: what makes one from its whole name.
_LIBRARIES = {"open_spiel": "selfplay.adapters.open_spiel:make"}


def _plugins() -> dict[str, str]:
    return {entry.name: entry.value for entry in metadata.entry_points(group=ENTRY_POINT_GROUP)}


def available() -> list[str]:
    """Names of all games, our own first, then those that other installed packages offer."""
    return [*_TABLE, *(name for name in sorted(_plugins()) if name not in _TABLE)]


def of_library(name: str) -> bool:
    """Whether `name` is that of another library's game, which `available` does not list: "open_spiel:hex"."""
    return name.partition(":")[0] in _LIBRARIES and ":" in name


@cache
def make(name: str, **options: int) -> Game:
    """The game called `name`; one shared instance for each choice of options, since games hold no state.

    options: arguments of the game's class, such as chess's history_length. Raises ValueError, naming what is known,
    when there is no game of that name, or when it does not take an option or its value.
    """
    if of_library(name) and not options:
        found: Game = _named(_LIBRARIES[name.partition(":")[0]])(name)
        return found
    location = _TABLE.get(name) or _plugins().get(name)
    if location is None:
        near = difflib.get_close_matches(name, available(), 1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise ValueError(f"no game is called '{name}'.{hint} Known games: {', '.join(available())}.")
    kind: type[Game] = _named(location)
    known = list(inspect.signature(kind).parameters)
    for option in options:
        if option not in known:
            raise ValueError(f"{name} has no option '{option}'; its options: {', '.join(known) or 'none'}.")
    return kind(**options)


def facet(game: Game, kind: type[Facet]) -> Facet:
    """The game's facet of a kind: `Notation`, `Protocols`, `Appearance`, `Knowledge` or `Endgames`.

    That is the class that `Game.facets` names, else `kind` itself; made when first asked for, and kept with the game.
    Raises TypeError where the game names something else.
    """
    kept: dict[type, Any] = game.__dict__.setdefault("_facets", {})
    if kind not in kept:
        kept[kind] = _facet_class(game, kind)(game)
    found: Facet = kept[kind]
    return found


def _facet_class(game: Game, kind: type) -> Any:
    location = game.facets.get(kind.__name__.lower())
    if location is None:
        return kind
    module, _, attribute = location.partition(":")
    found = getattr(importlib.import_module(module), attribute, None)
    if not (isinstance(found, type) and issubclass(found, kind)):
        expected = f"{kind.__module__}.{kind.__name__}"
        raise TypeError(f"{type(game).__name__}.facets names '{location}', which is no subclass of {expected}.")
    return found


def _named(location: str) -> Any:
    """What "module:attribute" names."""
    module, _, attribute = location.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _find_kernel_cache() -> None:
    """Names a folder for compiled kernels where Numba finds none of its own, without which no kernel can be loaded.

    Numba reads the name when it is loaded; processes that this one starts inherit it. Raises ImportError where no
    folder is left."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        places = [Path(given)]
    else:  # beside the source, else in the user's cache, as Numba looks for it
        caches = "~/Library/Caches" if sys.platform == "darwin" else os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        places = [Path(__file__).parent / "__pycache__", Path(caches).expanduser() / "numba"]
    if any(map(_can_be_written, places)):
        return
    folder = _own_temporary_folder()
    tried = " and ".join(f"'{place}'" for place in places)
    hint = "set NUMBA_CACHE_DIR to a folder of yours that can be written to and stays"
    if folder is None:
        raise ImportError(
            f"compiled kernels cannot be kept: neither {tried} nor a temporary folder can be written to; {hint}."
        )
    os.environ["NUMBA_CACHE_DIR"] = folder
    warnings.warn(f"compiled kernels are kept in '{folder}', since {tried} cannot be written to; {hint}.", stacklevel=3)


def _can_be_written(folder: Path) -> bool:
    """Whether files can be made in the folder, or it in the nearest of its parents that exists."""
    if not folder.is_absolute() and not os.environ.get("NUMBA_CACHE_DIR"):
        return False  # the home of a user without one
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _own_temporary_folder() -> str | None:
    """A temporary folder that only this user can write to, since what is in it is run; the same one each time."""
    try:
        folder = Path(tempfile.gettempdir(), f"selfplay-kernels-{os.getuid()}")
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if folder.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o077 or not _can_be_written(folder):
            return tempfile.mkdtemp(prefix="selfplay-kernels-")
        return str(folder)
    except OSError:
        return None


_find_kernel_cache()
