"""What the `selfplay` command said when a test ran it in this process."""

from __future__ import annotations


class Said:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


def refused(said: Said, *words: str) -> None:
    assert said.code == 2, said.err
    lines = said.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("selfplay: "), said.err
    for word in words:
        assert word in said.err, said.err
