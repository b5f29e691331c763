"""The page of a run's health: opens without a network, escapes all that a run's files say, and shows every section."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfplay.cli import main
from selfplay.errors import UserError
from selfplay.report import health, page

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "runs"
VOID = {"meta", "img", "link", "base", "input"}
SECTIONS = ["summary", "strength", "throughput", "losses", "drift", "outcomes", "checkpoints", "notes", "environment",
            "reproduce"]  # fmt: skip
SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> {{ 7*7 }} ]]> &lt;"


class Reader(HTMLParser):
    """Every element with its attributes, and all text; elements must be closed in their order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text, self._open = "", list[str]()
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), (tag, attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}


def made(run: Path) -> Reader:
    text = page.html(health.read(run))
    assert text.startswith("<!DOCTYPE html>") and len(text.encode()) < 1_000_000
    reader = Reader(text)
    assert [given["id"] for tag, given in reader.elements if tag == "h2"] == SECTIONS
    needs_nothing(reader)
    return reader


def needs_nothing(reader: Reader) -> None:
    """No script, nothing from elsewhere, and a policy that forbids both."""
    assert not reader.tags() & {"script", "iframe", "object", "embed", "link", "base", "form", "foreignobject", "use"}
    for tag, given in reader.elements:
        for name, value in given.items():
            assert not name.startswith("on") and "xlink" not in name, (tag, name)
            if name in ("src", "href"):
                assert str(value).startswith(("data:image/png;base64,", "#")), (tag, value)
    policies = [given["content"] for _, given in reader.elements if given.get("http-equiv")]
    assert len(policies) == 1 and str(policies[0]).startswith("default-src 'none'")


def watched_run(path: Path) -> Path:
    """A run with everything that a report shows, as files."""
    shutil.copytree(FIXTURES / "tic-tac-toe", path)
    stream = {"name": "labels", "detects": "label p(y)", "unit": "game", "test": "outcomes (e-process)",
              "parts": [{"part": "actor 1", "generation": 2, "statistic": 5e6, "threshold": 500,
                         "counted": 40}]}  # fmt: skip
    limited = {"name": "age", "unit": "batch", "limit": 2.0, "measure": "× even draws", "parts": []}
    told = {"generation": 2, "alpha": 0.01, "streams": [stream, limited]}
    (path / "streams.json").write_text(json.dumps(told))
    alarm = {"step": 2, "stream": "labels", "part": "actor 1", "test": "outcomes (e-process)", "statistic": 5e6,
             "threshold": 500, "unit": "game", "counted": 40,
             "sentence": "labels (actor 1): they are wrong."}  # fmt: skip
    action = {"step": 2, "stream": "labels", "action": "evict-rows", "sentence": "labels: 400 rows are left out."}
    (path / "drift.jsonl").write_text(json.dumps(alarm) + "\n" + json.dumps(action) + "\n")
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        line |= {"drift/labels": 6.7 if line["step"] == 2 else -0.1, "drift/age": 1.5, "drift/length": 7.5}
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_every_section_tells_of_a_watched_run(tmp_path: Path) -> None:
    reader = made(watched_run(tmp_path / "run"))
    for words in ("mistakes in", "1 alarm", "evict-rows", "labels (actor 1): they are wrong.", "× even draws", "plies",
                  "length of games", "positions", "value loss", "learning rate", "selfplay train tic-tac-toe --set",
                  "at most 0.01 have a false alarm", "torch"):  # fmt: skip
        assert words in reader.text, words
    kinds = [given.get("class") for tag, given in reader.elements if tag == "line"]
    assert kinds.count("limit") == 2 and kinds.count("alarm") == 1 and kinds.count("action") == 1
    assert "bar" in kinds  # an interval of the accuracy
    labels = [str(given["aria-label"]) for tag, given in reader.elements if tag == "svg"]
    assert len(labels) > 10 and any(label.startswith("age, generations") for label in labels)


@pytest.mark.parametrize("name", ["tic-tac-toe", "gan-ring"])
def test_a_run_of_each_family_that_was_not_watched_has_a_page_too(name: str) -> None:
    reader = made(FIXTURES / name)
    assert "was not watched" in reader.text and "preset" in reader.text and "svg" in reader.tags()


def test_a_folder_with_hardly_anything_in_it_has_a_page(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    reader = made(tmp_path)
    for words in ("not measured yet", "Nothing has been evaluated", "No losses yet", "no run.json", "cannot be told"):
        assert words in reader.text, words


def _poisoned(value: Any) -> Any:
    """Every text of JSON values, and every name of an entry, followed by markup."""
    if isinstance(value, dict):
        return {key + SCRIPT: _poisoned(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_poisoned(held) for held in value]
    return value + SCRIPT if isinstance(value, str) else value


def _texts(value: Any) -> Any:
    """The same of texts only, so that the file is still what it was."""
    if isinstance(value, dict):
        return {key: _texts(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_texts(held) for held in value]
    return value + SCRIPT if isinstance(value, str) else value


@pytest.mark.parametrize("poison", [_texts, _poisoned], ids=["texts", "names too"])
@pytest.mark.parametrize("name", ["config.json", "run.json", "streams.json", "drift.jsonl", "metrics.jsonl", "all"])
def test_markup_in_any_text_of_a_run_is_shown_and_never_obeyed(
    tmp_path: Path, name: str, poison: Callable[[Any], Any]
) -> None:
    run = watched_run(tmp_path / "run")
    clean = made(run)
    files = ["config.json", "run.json", "streams.json", "drift.jsonl", "metrics.jsonl"] if name == "all" else [name]
    for file in files:
        lines = (run / file).read_text().splitlines() if file.endswith("l") else [(run / file).read_text()]
        given = [json.loads(line) for line in lines]
        if file == "metrics.jsonl":  # whose lines have a step and numbers, by names of any kind
            held = [{"step": line["step"], **{key + SCRIPT: value for key, value in line.items()}} for line in given]
        elif file == "drift.jsonl":
            held = [_texts(line) for line in given]
        else:
            held = [poison(value) for value in given]
        (run / file).write_text("\n".join(json.dumps(value) for value in held) + "\n")
    reader = made(run)
    assert reader.tags() - clean.tags() <= {"ul", "li"}  # of warnings
    assert "49" not in reader.text.replace("499", "").split()  # templates in a run's texts are not evaluated
    if name == "run.json":
        assert reader.text.count("<script>") >= 8 and SCRIPT in reader.text


def test_a_runs_folder_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, selfplay: Any) -> None:
    name = "<img src=x onerror=alert(1)>"
    shutil.copytree(FIXTURES / "tic-tac-toe", tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert selfplay("runs", "report", name).code == 0
    reader = Reader((tmp_path / f"{name}.html").read_text())
    needs_nothing(reader)
    assert name in reader.text


def test_pictures_of_the_run_are_taken_in_while_they_are_small(tmp_path: Path) -> None:
    run = watched_run(tmp_path / "run")
    begin = b"\x89PNG\r\n\x1a\n"
    for name, data in (("samples", begin + b"x" * 2000), ("huge", begin + b"x" * 300_000), ("text", b"<script>"),
                       ('"><script>', begin)):  # fmt: skip
        (run / f"{name}.png").write_bytes(data)
    (run / "folder.png").mkdir()
    reader = made(run)
    shown = [given["alt"] for tag, given in reader.elements if tag == "img"]
    assert shown == ['"><script>, drawn by the run', "samples, drawn by the run"]


def test_thousands_of_generations_fit_a_small_page_and_keep_their_peaks(tmp_path: Path) -> None:
    run = watched_run(tmp_path / "run")
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    with (run / "metrics.jsonl").open("w") as file:
        for step in range(3000):
            peak = 9.0 if step == 1777 else 0.5 + step % 7 / 100
            print(json.dumps({**last, "step": step, "loss/net/peak": peak}), file=file)
    reader = made(run)  # which asserts its size
    assert "20 of 3000 evaluations are listed" in reader.text and "generations 0 to 2999" in str(reader.elements)
    points = [str(given["points"]).split() for tag, given in reader.elements if tag == "polyline"]
    assert max(map(len, points)) <= 400
    heights = [[float(point.split(",")[1]) for point in line] for line in points]
    assert any(sorted(line)[0] < sorted(line)[1] - 50 for line in heights)  # the peak stands out


def test_the_page_is_written_whole_and_over_nothing_but_a_page(tmp_path: Path, selfplay: Any) -> None:
    run, out = FIXTURES / "tic-tac-toe", tmp_path / "health.html"
    assert selfplay("runs", "report", run, "--out", out).code == 0
    assert selfplay("runs", "report", run, "--out", out).code == 0  # a page is replaced
    other = tmp_path / "notes.txt"
    other.write_text("mine")
    said = selfplay("runs", "report", run, "--out", other)
    assert said.code == 2 and "is no HTML page: name another file" in said.err and other.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["health.html", "notes.txt"]
    assert main.main(["runs", "report", str(tmp_path / "nowhere")]) == 2


def test_intervals_are_wilsons() -> None:
    low, high = health.wilson(0.9, 100)
    assert (round(low, 4), round(high, 4)) == (0.8256, 0.9448)  # Newcombe 1998 has such tables
    assert health.wilson(1.0, 20)[1] == 1.0 and health.wilson(0.0, 20)[0] == 0.0


@pytest.mark.chaos
def test_a_damaged_file_never_ends_a_report_in_a_traceback(tmp_path: Path) -> None:
    run, rng = watched_run(tmp_path / "run"), np.random.default_rng(13)
    contents = [
        b"", b"[]", b"null", b"[" * 100_000, b"\xff\xfe", b'{"preset": 3, "run": [1], "game": {}}',
        b'{"step": 1, "rows": null, "seconds": 1e400, "loss/": 1, "rate/": 1, "evaluation/accuracy": 1e308}\n',
        b'{"step": 1, "evaluation/modes_found": -1e308, "evaluation/simulations": null, "loss/a/b/c": 1e-320}\n',
        b'{"generation": 1, "streams": [{"name": "", "limit": -1e308, "parts": [{"part": "", "generation": -1}]}]}',
    ]  # fmt: skip
    for name in ("config.json", "run.json", "streams.json", "drift.jsonl", "metrics.jsonl"):
        whole = (run / name).read_bytes()
        given = list(contents)
        for _ in range(3):
            flipped = bytearray(whole)
            flipped[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
            given += [bytes(flipped), whole[: rng.integers(len(whole))]]
        for content in given:
            (run / name).write_bytes(content)
            made(run)
        (run / name).unlink()
        made(run)
        (run / name).mkdir()
        with contextlib.suppress(UserError):
            made(run)
        (run / name).rmdir()
        (run / name).write_bytes(whole)
