"""How evaluations are shown: sentences, headlines, curves, the panel and the plain lines, for every family."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from selfplay.alphazero.display import DISPLAY as BOARDS
from selfplay.cli.live import evaluation, layout, lines, panel
from selfplay.display import Display
from selfplay.gan.display import DISPLAY as GANS
from selfplay.loop import plots, stop_signal
from selfplay.types import Status

BOARD = {"accuracy": 0.95, "raw_accuracy": 0.9, "contested_accuracy": 0.92, "mistakes": 30.0, "positions": 600.0,
         "simulations": 100.0}  # fmt: skip
GAMES = {"score_random": 1.0, "score_first": 0.75, "games": 20.0, "simulations": 50.0}
RING = {"high_quality": 0.93, "modes": 1.0, "modes_found": 8.0, "modes_there": 8.0, "kl": 0.0023, "spread": 0.87,
        "auc": 0.561, "distinct": 0.8}  # fmt: skip
DIGITS = {"as_asked": 0.974, "coverage": 0.86, "frechet_ratio": 2.31, "frechet": 3.0, "frechet_floor": 1.3,
          "kernel": 0.1, "digit_3": 0.5}  # fmt: skip
BOARD_WORDS = re.compile(r"games|positions|plies|moves|points|simulations|strength|accuracy", re.IGNORECASE)


@pytest.mark.parametrize(
    ("metrics", "display", "sentence", "headline"),
    [
        (BOARD, BOARDS,
         "generation 7: 30 mistakes in 600 positions against exact play — accuracy 95.00%, where a wrong move "
         "exists 92.0%, policy alone 90.0%, at 100 simulations", "95.00% accuracy"),
        (GAMES, BOARDS,
         "generation 7: points 100% against random, 75% against the first generation, in 20 games each, at 50 "
         "simulations", "75.00% points against the first generation"),
        (RING, GANS,
         "generation 7: 8 of 8 modes, 93.0% high quality, KL 0.0023, modes 0.87 × as wide as they should be, "
         "critic's AUC on held-out data 0.561", "8 of 8 modes, 93.0% high quality"),
        (DIGITS, GANS, "generation 7: 97.4% read as asked, Fréchet distance 2.3 × its floor, 86.0% coverage",
         "97.4% read as asked, Fréchet distance 2.3 × its floor"),
        ({"modes_found": 981.0, "kl": 0.3, "kl_floor": 0.019, "seconds": 2.0}, GANS,
         "generation 7: 981 modes, KL 0.3 (floor 0.019)", "981 modes"),
        ({"exploitability": 0.25, "rock": 1.0, "seconds": 2.0}, Display(), "generation 7: exploitability 0.25, rock 1",
         "exploitability 0.25, rock 1"),
        ({"seconds": 1.0}, BOARDS, "generation 7: not measured", None),
    ],
    ids=["solved game", "points", "mixture", "digits", "stacks", "another family", "nothing"],
)  # fmt: skip
def test_an_evaluation_is_written_in_the_words_of_its_family(
    metrics: dict[str, float], display: Display, sentence: str, headline: str | None
) -> None:
    assert evaluation.sentence(7, metrics, display) == sentence
    assert evaluation.headline(metrics, display) == headline


def test_curves_show_the_newest_and_the_best_of_each_metric() -> None:
    measured = [(1.0, 1.0), (0.001, 8.0), (0.01, 7.0)]
    history = [(number, {"kl": kl, "modes_found": modes}) for number, (kl, modes) in enumerate(measured)]
    modes, divergence = evaluation.curves(history, 60, GANS)
    assert modes == evaluation.Curve("modes", "▁█▇", "7", "8")
    assert divergence == evaluation.Curve("KL", "█▁▃", "0.01", "0.001")  # the less the better; by its logarithm
    assert evaluation.curves(history, 2, GANS)[0].bars == "█▁"
    assert evaluation.curves([(3, RING)], 60, GANS)[-1].best == ""  # an AUC is best where nobody is ahead
    assert [curve.title for curve in evaluation.curves([(1, BOARD)], 60, BOARDS)] == ["accuracy"]
    assert [curve.title for curve in evaluation.curves([(1, GAMES)], 60, BOARDS)] == [
        "points against random", "points against the first generation",
    ]  # fmt: skip
    assert evaluation.curves([], 60, GANS) == []
    assert evaluation.curves([(0, {"kl": float("nan")})], 60, GANS) == []


@pytest.mark.parametrize(
    ("wins", "word"), [(0.5, "balanced"), (0.63, "balanced"), (0.65, "critic ahead"), (1.0, "critic ahead"),
                       (0.37, "balanced"), (0.3, "generator ahead"), (0.0, "generator ahead")],
)  # fmt: skip
def test_the_balance_is_a_bar_and_a_word(wins: float, word: str) -> None:
    assert GANS.balance is not None
    (line,) = layout.balance(wins, GANS.balance)
    assert line.endswith(f"critic wins {wins:.0%}: {word}")
    assert line.count("█") == round(20 * wins) and line.count("█") + line.count("░") == 20


def board_status() -> Status:
    rates = {"games/s": 46.1, "positions/s": 918.0, "evaluations/s": 13227.0, "batch": 101.6, "cache_hits": 0.15,
             "exact": 0.23, "plies": 20.0, "lag": 0.5, "reuse": 5.9}  # fmt: skip
    return Status(generation=3, steps=1000, rows=9000, games=450, seconds=60, progress=0.5, phase="playing",
                  rates=rates, losses={"net/policy_loss": 0.945}, metrics=BOARD, watched=12,
                  alarms=2, drifted="evict-rows, because of labels (actor 1), generation 3",
                  history=[(0, BOARD), (3, BOARD)])  # fmt: skip


def gan_status() -> Status:
    losses = {"discriminator/loss": 0.65, "discriminator/wins": 0.58, "discriminator/slope_on_reals": 1.06,
              "discriminator/gradient_norm": 0.27, "generator/loss": 0.74, "generator/gradient_norm": 0.66}  # fmt: skip
    return Status(generation=3, steps=1000, rows=256_000, games=256_000, seconds=60, progress=0.5, phase="learning",
                  window=51_200, rates={"games/s": 1e5, "fakes/s": 0.0, "lag": 0.0, "reuse": 1.0}, losses=losses,
                  metrics=RING, history=[(0, RING), (3, RING)])  # fmt: skip


def drawn(status: Status, width: int, display: Display, height: int = 50) -> str:
    console = Console(width=width, height=height, file=None, force_terminal=True, color_system=None, record=True)
    show = panel.LivePanel("preset", Path("runs/it"), console, display)
    with console.capture() as capture:
        console.print(show.draw(status))
    return capture.get()


@pytest.mark.parametrize("width", [80, 120])
def test_the_panel_of_a_critic_and_its_generator_has_no_word_of_board_games(width: int) -> None:
    text = drawn(gan_status(), width, GANS)
    assert not BOARD_WORDS.search(text), text
    for words in ("samples", "critic wins 58%: balanced", "critic loss", "generator loss",
                  "critic slope on reals 1.060", "high quality", "AUC, held out", "56.10%"):  # fmt: skip
        assert words in re.sub(r" +", " ", text), text
    assert all(len(line) <= width for line in text.splitlines()) and "…" not in text


@pytest.mark.parametrize("width", [80, 120])
def test_the_panel_of_a_board_game_has_no_word_of_critics(width: int) -> None:
    text = re.sub(r" +", " ", drawn(board_status(), width, BOARDS))
    for words in ("games 450 46.1/s", "positions 9,000 918/s", "evaluations 13,227/s", "mean batch 101.6",
                  "cache hits 15%", "proven moves 23%", "plies a game 20.0", "reuse 5.9×", "weights behind 0.50 gen.",
                  "policy loss 0.945", "accuracy", "best 95.00%"):  # fmt: skip
        assert words in text, text
    assert not re.search("critic|generator|samples", text) and "…" not in text


def test_a_line_says_what_is_watched_for_drift_and_what_was_said_of_it_last() -> None:
    status = board_status()
    last = "evict-rows, because of labels (actor 1), generation 3"
    assert layout.drift(status) == [f"drift  2 alarms  12 streams watched  {last}"]
    assert "drift 2 alarms 12 streams watched evict-rows" in re.sub(r" +", " ", drawn(status, 100, BOARDS))
    status.alarms, status.drifted = 0, ""
    assert layout.drift(status) == ["drift  no alarm  12 streams watched"]
    assert "drift" not in drawn(gan_status(), 100, GANS)  # which is not watched


def test_updates_a_second_are_those_of_the_last_seconds() -> None:
    speed, status = lines.Speed(), Status()
    assert speed(status) == (0.0, 0.0)
    for second in range(1, 31):
        status.seconds, status.steps, status.rows = float(second), status.steps + 10 * second, 100 * second
        found = speed(status)
    assert found == (pytest.approx(10 * (20 + 30) / 2), pytest.approx(100))


def test_plain_lines_speak_of_samples_or_of_games(capsys: pytest.CaptureFixture[str]) -> None:
    with lines.PlainLines(Path("runs/it"), GANS) as show:
        show(gan_status())
    said = capsys.readouterr().out
    assert "256,000 samples, 1,000 updates; discriminator/loss 0.650, generator/loss 0.740, critic wins 58%" in said
    assert not re.search("positions|games", said)
    with lines.PlainLines(Path("runs/it"), BOARDS) as show:
        show(board_status())
    assert "450 games, 9,000 positions, 1,000 updates; games/s 46.1" in capsys.readouterr().out


def test_distances_have_an_axis_of_their_own_below_the_shares(tmp_path: Path) -> None:
    shares, distances = GANS.plotted([(0, RING | {"kl": 2.0}), (1, RING)])
    assert shares == ["high_quality", "modes", "spread", "auc", "distinct"] and distances == ["kl"]
    assert GANS.plotted([(1, DIGITS)]) == (["as_asked", "coverage"], ["frechet_ratio"])
    assert BOARDS.plotted([(1, BOARD)]) == (["accuracy", "raw_accuracy", "contested_accuracy"], [])
    tall = plots.curves([(0, RING | {"kl": 0.0}), (1, RING)], "title", tmp_path / "a.png", GANS)
    wide = plots.curves([(1, BOARD)], "title", tmp_path / "b.png", BOARDS)
    assert tall.shape == (650, 900, 3) and wide.shape == (450, 900, 3) and tall.dtype == np.uint8
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize("status", [board_status, gan_status])
def test_the_panel_fits_every_window(status: Callable[[], Status]) -> None:
    display = BOARDS if status is board_status else GANS
    for width in range(24, 130, 3):
        for height in range(10, 40, 2):
            lines = drawn(status(), width, display, height).splitlines()
            assert len(lines) < height and max(map(len, lines)) <= width, (width, height, lines)
            assert not any("…" in line for line in lines), "a word cut short by a mark of three characters in ASCII"


def test_a_narrow_panel_shows_every_number_one_below_the_other() -> None:
    text = drawn(gan_status(), 40, GANS, 40)
    for pattern in (r"samples +256,000 │", r"updates +1,000 │", r"critic slope on reals +1.060 │", r"modes +▁▁ +8 +│",
                    r"generator ▕█+░+▏ critic │", r"critic wins 58%: balanced", r"time 1:00 +left 1:00"):  # fmt: skip
        assert re.search(pattern, text), (pattern, text)


def test_a_low_panel_leaves_out_the_least_important_first() -> None:
    every, losses, one, none = (drawn(gan_status(), 80, GANS, height) for height in (24, 16, 12, 10))
    assert "gradient norm" in every and "AUC" in every
    assert "gradient norm" not in losses and "generator loss" in losses and "AUC" in losses
    assert "AUC" not in one and "modes" in one and "modes" not in none and "critic wins" in none


class Window(io.StringIO):
    """A terminal whose size can change."""

    def isatty(self) -> bool:
        return True


def test_a_window_of_another_size_is_cleared_and_what_stood_above_the_panel_is_written_again() -> None:
    window = Window()
    console = Console(file=window, width=80, height=40, force_terminal=True, color_system=None)
    with panel.LivePanel("preset", Path("runs/it"), console, GANS) as show:
        status = gan_status()
        show(status)
        status.notes.append("The actors wait.")
        show(status)
        show._live.refresh()
        assert "\x1b[2J" not in window.getvalue()
        seen = len(window.getvalue())
        console.width = 40
        show._live.refresh()
        after = window.getvalue()[seen:]
        show._live.refresh()
    assert after.index("\x1b[2J") < after.index("The actors wait.") < after.rindex("preset · generation 3")
    assert window.getvalue().count("\x1b[2J") == 1


def test_a_phase_that_lasts_says_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(panel.time, "monotonic", lambda: now[0])
    console = Console(file=Window(), width=80, height=24, force_terminal=True, color_system=None)
    show = panel.LivePanel("preset", Path("runs/it"), console, GANS)
    show(gan_status())
    now[0] = 165.0
    with console.capture() as capture:
        console.print(show.draw(gan_status()))
    assert "generation 3 · learning 1:05" in capture.get()


def test_a_stop_is_acknowledged_above_the_panel(monkeypatch: pytest.MonkeyPatch) -> None:
    window = Window()
    console = Console(file=window, width=80, height=24, force_terminal=True, color_system=None)
    stop = stop_signal.StopSignal()
    with panel.LivePanel("preset", Path("runs/it"), console, GANS) as show:
        stop.say = show.say
        show(gan_status())
        monkeypatch.setattr(stop_signal.os, "isatty", lambda number: True)
        stop._acknowledge()
        show._live.refresh()
    said = window.getvalue()
    assert said.count(stop_signal.SAID) == 1
    assert said.index(stop_signal.SAID) < said.rindex("preset · generation 3")
