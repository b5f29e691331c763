"""The tokens of PGN: tags, moves, results, comments and variations, with the line and column of each.

The grammar is PGN's import format (Edwards 1994, sections 7 and 8) and what files have beyond it: figurines, castling
with zeros or small letters, long algebraic moves, signs such as +-. Lines mean nothing but the end of a comment that
begins with ";" or "%". Nothing is left out but annotation signs and what variations hold. Knows no rules.
"""

from __future__ import annotations

import re

from games.text import scanner

# Alternatives that start alike are ordered; each runs over a character once or twice at most, so noise costs no time.
_DASH = "[-\u2010-\u2015\u2212]"
_TO = rf"\s?{_DASH}\s?"
_END = r"(?= [\s\[\]{}();*!?$%] | $ )"
_FIGURINE = "\u2654-\u265f"
_SIGN = (
    r"(?: \+/= | =/\+ | \+/- | -/\+ | \+- | -\+ | \+= | =\+ | ="
    "| [\u00b1\u2213\u2a71\u2a72\u221e\u25a1\u2191\u2192\u21c6\u27f3\u2295\u25b3\u2206\u2313]"
    rf"| N(?=\s) ){_END}"
)
_TOKEN = re.compile(
    rf"""
      (?P<skip>      (?> [\s\ufeff\x1a]++ | e\.?p\.?{_END} )++ )
    | (?P<glyph>     \$\d{{1,5}} | [!?]++ | [\u203c\u2047-\u2049] | {_SIGN} )
    | (?P<numbers>   \d{{1,6}}\s?(?:\.++|\u2026) | \.\.++ | \u2026 )
    | (?P<result>    (?: 1/2(?:{_TO}1/2)? | \u00bd(?:{_TO}\u00bd)? | 1{_TO}0 | 0{_TO}1 | \* ){_END} )
    | (?P<number>    \d{{1,6}} (?=\s|$) )
    | (?P<move>      (?: [O0o]{_DASH}[O0o](?:{_DASH}[O0o])?
                       | [KQRBNP{_FIGURINE}]? [a-h]?[1-8]? (?:[x:\u00d7]|{_DASH})? [a-h][1-8]
                         (?: [=/]?[QRBNqrbn{_FIGURINE}](?![a-h]?[1-8]) | =?\([QRBNqrbn{_FIGURINE}]\) )?
                     ) (?:e\.?p\.?)? (?: [+\u2020]{{1,2}}(?![-/=]) | [#\u2021] )?+ (?! [\w/=+\-] ) )
    | (?P<comment>   \{{ )
    | (?P<rest>      ; )
    | (?P<escape>    % )
    | (?P<tag>       \[ )
    | (?P<variation> \( )
    | (?P<close>     \) )
    """,
    re.VERBOSE,
)
_FOREIGN = {  # letters of king, queen, rook, bishop, knight
    "German": "KDTLS", "French": "RDTFC", "Spanish": "RDTAC", "Italian": "RDTAC", "Dutch": "KDTLP",
    "Portuguese": "RDTBC", "Polish": "KHWGS", "Czech": "KDVSJ", "Hungarian": "KVBFH",
    "Russian": "\u041a\u0424\u041b\u0421\u041a",
}  # fmt: skip
_FOREIGN_MOVE = re.compile(r"(\w)[a-h]?[1-8]?[x:-]?[a-h][1-8]")


class PgnScanner(scanner.Scanner):
    """Tokens besides those of every format: "move", "result", "glyph", "numbers" of moves."""

    pattern = _TOKEN
    expected = (
        'is not PGN; expected are tags such as [Event "…"], moves such as e4, Nf3 or O-O, comments in braces and a'
        " result such as 1-0"
    )

    def _hint(self, word: str) -> str:
        if word in ("--", "Z0", "0000", "@@@@", "null", "pass"):
            return "; a null move is no move of a game"
        found = _FOREIGN_MOVE.match(word)
        if found is None:
            return ""
        languages = [name for name, letters in _FOREIGN.items() if found[1] in letters]
        spoken = f": {found[1]} is a piece in {', '.join(languages)}" if languages else ""
        return f"; pieces are K, Q, R, B and N here{spoken}"
