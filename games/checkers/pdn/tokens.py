"""The tokens of PDN: tags, moves, results, comments, variations and set-up commands, with the line and column of each.

The grammar is the reading grammar of PDN 3.0 and what files have beyond it: squares without a separator ("1115") or
with spaces ("11 - 15", "11 15"), tags without quotes, move numbers without a dot. Lines mean nothing but the end of a
comment that begins with ";" or "%"; a token may go on in the next line. Nothing is left out but numbers and
what variations hold. Knows no rules: whether a move is legal, the reader of games finds out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from games import base
from games.text import scanner
from games.text.scanner import Token

# Alternatives that start alike are ordered; each runs over a character once or twice at most, so noise costs no time.
_DASH = "[-\u2010-\u2015\u2212]"
_TO = rf"\s?{_DASH}\s?"
_SEPARATOR = "[-xX:\u00d7\u2010-\u2015\u2212]"
_END = r"(?= [\s\[\]{}();*!?$,] | $ )"
_TOKEN = re.compile(
    rf"""
      (?P<skip>      [\s\ufeff\x1a]++ )
    | (?P<glyph>     \$\d{{1,5}}{_END} | [!?]++ | \([!?]++\) )
    | (?P<numbers>   (?> \s++ | \d{{1,6}}\s?\.++ | \.\.++ | \u2026 )++ )
    | (?P<result>    (?: 1/2(?:{_TO}1/2)? | \u00bd(?:{_TO}\u00bd)? | 0{_TO}[012] | [12]{_TO}0 | 1{_TO}1 | \* ){_END} )
    | (?P<move>      (?: \d{{1,2}}+ (?:\s*+{_SEPARATOR}\s*+\d{{1,2}}+){{1,12}}
                       | \d{{3,24}}+
                       | \d{{1,2}}+ \s++ \d{{1,2}}+ (?! \s*(?:{_SEPARATOR}|\.) )
                     ) (?: \*(?=[\s!?$({{;]|$) )? {_END} )
    | (?P<number>    \d{{1,4}} (?=\s+\d{{1,2}}\s*{_SEPARATOR}) )
    | (?P<comment>   \{{ )
    | (?P<rest>      ; )
    | (?P<escape>    % )
    | (?P<tag>       \[ )
    | (?P<setup>     / )
    | (?P<variation> \( )
    | (?P<close>     \) )
    """,
    re.VERBOSE | re.ASCII,
)
_CUT = re.compile(rf"\d{{1,2}}(?:[ \t]*{_SEPARATOR}[ \t]*\d{{1,2}}){{0,12}}[ \t]*(?:{_SEPARATOR}[ \t]*)?\n", re.ASCII)
_SETUP = re.compile(r"""/\s*FEN\s*"?([^"/]{0,999})"?\s*/""", re.IGNORECASE)


class PdnScanner(scanner.Scanner):
    """Tokens besides those of every format: "move", "result", "glyph", "setup" with its FEN, "numbers" of moves, and
    "number" for one without a dot."""

    pattern = _TOKEN
    cut = _CUT
    expected = (
        'is not PDN; expected are tags such as [Event "…"], moves such as 11-15 or 22x15 on squares 1 to 32, and a'
        " result such as 1-0"
    )

    def _hint(self, word: str) -> str:
        alphabetic = re.fullmatch(r"[a-h][1-8](?:[-x:]?[a-h][1-8])+", word)
        return "; squares such as c3 belong to other games of draughts" if alphabetic else ""

    def _setup(self) -> Iterator[Token]:
        place = self._place()
        found = _SETUP.match(self.text, self.at)
        while found is None and self.text.find("/", self.at + 1) < 0 and self._join_line():
            found = _SETUP.match(self.text, self.at)
        if found is None:
            shown = base.shorten(self.text[self.at :].split("\n")[0].strip())
            raise self._error(f"'{shown}' is not a set-up command; one looks like /FEN \"B:W21,K24:B1,2\"/.", "/")
        self.at = found.end()
        yield Token("setup", found[1], *place)
