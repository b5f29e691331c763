"""Strength in Elo: the scale that was measured, what is played at each Elo, and the options of UCI for it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from selfplay.players import pretrained, strength
from selfplay.players.strength import Calibration, Measured
from selfplay.serve import uci

SCALE = Calibration("random = 0", (Measured(100, 0, 4.0), Measured(300, 0, 0.0), Measured(500, 8, 0.0),
                                   Measured(900, 100, 0.0)))  # fmt: skip
SHIPPED = sorted(path.stem for path in strength.FOLDER.glob("*.json"))


@pytest.mark.parametrize("scale", [SCALE, *(strength.of_agent(pretrained.path(name)) for name in SHIPPED)])
def test_more_elo_is_never_more_random_and_never_less_search(scale: Calibration | None) -> None:
    assert scale is not None, "the packaged agent is the one that was measured"
    levels = [scale.level(elo) for elo in range(scale.lowest, scale.highest + 1)]
    simulations, temperatures = ([getattr(one, key) for one in levels] for key in ("num_simulations", "temperature"))
    assert simulations == sorted(simulations) and temperatures == sorted(temperatures, reverse=True)
    for point in scale.points:
        level = scale.level(point.elo)
        assert (level.num_simulations, level.temperature) == (point.num_simulations, point.temperature)


def test_between_two_points_it_plays_between_them() -> None:
    assert SCALE.level(200).temperature == 2.0
    assert SCALE.level(700).num_simulations == pytest.approx(np.sqrt(9 * 101) - 1, abs=0.5)


@pytest.mark.parametrize("name", SHIPPED)
def test_what_was_measured_is_told_with_its_uncertainty(name: str) -> None:
    told = json.loads((strength.FOLDER / f"{name}.json").read_text())
    elos = [point["elo"] for point in told["points"]]
    assert elos == sorted(set(elos)) and all(point["games"] >= 20 for point in told["points"])
    assert all(point["interval"][0] <= point["elo"] <= point["interval"][1] for point in told["points"])


@pytest.mark.parametrize("name", SHIPPED)
def test_uci_offers_the_range_that_was_measured_and_no_more(name: str) -> None:
    scale = strength.of_agent(pretrained.path(name))
    assert scale is not None
    sink = io.BytesIO()
    server = uci.UciServer(lambda: None, pretrained.peek(pretrained.path(name)), io.BytesIO(), sink)  # type: ignore[arg-type,return-value]
    server.obey("uci")
    assert b"UCI_Elo" not in sink.getvalue(), "an agent that was not measured has no scale"
    server.offer(scale)
    server.obey("uci")
    said = sink.getvalue().decode()
    assert "option name UCI_LimitStrength type check default false" in said
    assert f"option name UCI_Elo type spin default {scale.highest} min {scale.lowest} max {scale.highest}" in said


def test_an_agent_that_was_not_measured_has_no_scale(tmp_path: Path) -> None:
    assert strength.of_agent(tmp_path) is None
    (tmp_path / "manifest.json").write_text("{")
    assert strength.of_agent(tmp_path) is None
    (tmp_path / "manifest.json").write_text('{"files": {"net.safetensors": "00"}}')
    assert strength.of_agent(tmp_path) is None
