"""The JSON lines of an agent: what an answer holds, what comes back with it, and lines that cannot be answered."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tiny

from selfplay.players import network_player
from selfplay.players.network_player import NetworkPlayer
from selfplay.serve import json_lines, lines

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def player(tmp_path_factory: pytest.TempPathFactory) -> NetworkPlayer:
    return network_player.load(tiny.weights_folder(tmp_path_factory.mktemp("run"), "tic-tac-toe"))


def asked(player: NetworkPlayer, data: bytes, simulations: int = 20) -> list[dict[str, Any]]:
    said: list[str] = []
    json_lines.serve(player, io.BytesIO(data), said.append, simulations)

    def strict(text: str) -> Any:
        raise AssertionError(f"{text} is not JSON")

    return [json.loads(line, parse_constant=strict) for line in said]


def test_an_answer_has_visits_prior_value_and_line_of_every_move(player: NetworkPlayer) -> None:
    # X . O
    # . X .     O to move must stop the diagonal at 9
    # . . .
    (answer,) = asked(player, b'{"id": 17, "moves": "531", "simulations": 200}')
    moves, root = answer["moveInfos"], answer["rootInfo"]
    assert answer["id"] == 17 and [one["order"] for one in moves] == list(range(6))
    assert {one["move"] for one in moves} == set("246789") and moves[0]["move"] == answer["best"] == "9"
    assert sum(one["visits"] for one in moves) == root["visits"] <= answer["simulations"] == 200
    assert sum(one["prior"] for one in moves) == pytest.approx(1, abs=1e-5)
    assert moves[0]["pv"] == answer["pv"] and all(one["pv"][0] == one["move"] for one in moves)
    assert root["currentPlayer"] == 1 and root["value"] == answer["value"]
    assert root["winrate"] == pytest.approx((1 + root["value"]) / 2, abs=1e-5)
    seen = [one for one in moves if one["visits"]]
    lost = [one for one in seen if one["move"] != "9"]
    assert lost and all(one["value"] < moves[0]["value"] for one in lost), "values are for the player to move, O"
    assert all(one["value"] is one["winrate"] is None for one in moves if not one["visits"])
    assert answer["seconds"] > 0 and answer["reportAnalysisWinratesAs"] == "SIDETOMOVE"
    for one in moves:
        player.game.legal_moves(json_lines.position(player, "531" + "".join(one["pv"][:-1]), None)[0])[one["pv"][-1]]


@pytest.mark.parametrize(
    "name", ["one", 5, 2.5, True, None, "", "\ud800 é", [1, {"a": []}], {"b": None}], ids=lambda name: repr(name)[:12]
)
def test_the_id_comes_back_whatever_it_is_also_with_errors(player: NetworkPlayer, name: Any) -> None:
    questions = [{"moves": "5"}, {"moves": "55"}, {"simulations": -1}, {"action": "query_version"}, {"action": 3}]
    data = "\n".join(json.dumps({**question, "id": name}) for question in questions).encode()
    answers = asked(player, data, 2)
    assert [answer["id"] for answer in answers] == [name] * 5
    assert ["error" in answer for answer in answers] == [False, True, True, False, True]
    assert answers[1]["line"] == 2 and answers[3]["version"]


def test_an_id_that_json_cannot_hold_is_null(player: NetworkPlayer) -> None:
    assert asked(player, b'{"id": NaN, "moves": "55"}')[0]["id"] is None
    assert asked(player, b'{"id": [Infinity, 1], "moves": "5"}')[0]["id"] == [None, 1]


def test_no_id_is_invented_and_the_line_of_an_error_is_named(player: NetworkPlayer) -> None:
    answers = asked(player, b'\n{"moves": "5"}\n\nnonsense\n{"moves": "12"}', 1)
    assert ["id" in answer for answer in answers] == [False] * 3 and answers[1]["line"] == 4


def test_visits_may_be_asked_for_by_katagos_name(player: NetworkPlayer) -> None:
    (answer,) = asked(player, b'{"maxVisits": 7}')
    assert answer["simulations"] == answer["rootInfo"]["visits"] == 7


def test_a_proof_ends_a_search_early_and_the_simulations_made_are_told(player: NetworkPlayer) -> None:
    (answer,) = asked(player, b'{"moves": "5142", "simulations": 5000}')
    assert answer["value"] == 1 and answer["rootInfo"]["proven"] and answer["rootInfo"]["visits"] < 5000


def test_a_line_without_end_is_refused_before_it_is_all_there(player: NetworkPlayer) -> None:
    class Endless(io.RawIOBase):
        given, asked = 0, 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            if self.given >= 40 * lines.MAX_LINE:
                return 0
            buffer[:] = b"4" * len(buffer)
            self.given += len(buffer)
            return len(buffer)

    said: list[str] = []
    json_lines.serve(player, io.BufferedReader(Endless()), said.append, 1)
    (answer,) = map(json.loads, said)
    assert "too long" in answer["error"] and len(said[0]) < 300


def test_a_packaged_agent_is_asked_by_the_name_of_its_game() -> None:
    words = [sys.executable, "-m", "selfplay", "analyze", "tic-tac-toe", "--simulations", "4"]
    done = subprocess.run(
        words, cwd=ROOT, input='{"id": "x", "moves": "5"}\n', capture_output=True, text=True, timeout=60
    )
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["id"]) == (0, "x") and len(answer["moveInfos"]) == 8, done.stderr
