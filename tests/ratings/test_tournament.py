"""Tournaments: who plays whom, what is kept, and that a kill at any instant costs nothing that was finished."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from facets import notation_of

import games
from games.text import records
from selfplay.errors import FolderError, UserError
from selfplay.players import match, match_worker, openings
from selfplay.ratings import elo, tournament
from selfplay.ratings.tournament_folder import TournamentFolder

PARTICIPANTS = [tournament.Participant(name, f"digest of {name}") for name in ("a", "b", "c")]
TERMS = {"game": "x", "seed": 1}


def opened(
    folder: Path, participants: list[tournament.Participant] | None = None, terms: dict | None = None
) -> TournamentFolder:
    return TournamentFolder(folder, participants or PARTICIPANTS, terms or TERMS, "txt")


def result(first: int, second: int, opening: int, points: tuple[float, float] = (1.0, 0.5)) -> tournament.TaskResult:
    text = f"game {first} {second} {opening}\n" * 2
    return tournament.TaskResult(
        tournament.MatchTask(first, second, opening), points, (10, 12), ("x", f"y{opening}"), 1, text
    )


# Who meets whom


def test_in_a_round_robin_everyone_meets_everyone_once() -> None:
    assert tournament.round_robin(4) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]


def test_in_a_gauntlet_the_challengers_meet_everyone() -> None:
    assert tournament.gauntlet(4, [2]) == [(0, 2), (1, 2), (2, 3)]
    assert tournament.gauntlet(4, [0, 3]) == [(0, 1), (0, 2), (0, 3), (1, 3), (2, 3)]


def test_on_a_ladder_neighbours_meet_and_players_beside_it_meet_everyone() -> None:
    pairs = tournament.ladder(6, [[0, 1, 2, 3, 4]], reach=2)
    assert (0, 1) in pairs and (0, 2) in pairs and (0, 3) not in pairs
    assert [pair for pair in pairs if 5 in pair] == [(k, 5) for k in range(5)]
    two = tournament.ladder(6, [[0, 1, 2], [3, 4, 5]], reach=1)
    assert (0, 3) in two and (1, 4) in two and (0, 4) not in two and (0, 2) not in two


# What is kept


def test_results_and_records_come_back(tmp_path: Path) -> None:
    one = opened(tmp_path)
    wanted = one.results.missing([(0, 1), (0, 2)], 2)
    assert [tuple(task) for task in wanted] == [(0, 1, 0), (0, 1, 1), (0, 2, 0), (0, 2, 1)]
    one.add(result(0, 1, 1))
    one.add(result(0, 2, 0, (0.0, 0.5)))
    one.close()
    again = opened(tmp_path)
    assert [tuple(task) for task in again.results.missing([(0, 1), (0, 2)], 2)] == [(0, 1, 0), (0, 2, 1)]
    pairs = again.results.pairs()
    assert pairs.sum() == 2 and pairs[0, 1, 2, 1] == 1 and pairs[0, 2, 0, 1] == 1
    assert (tmp_path / "games" / "a - b.txt").read_text() == "game 0 1 1\n" * 2
    assert again.results.adjudicated() == 2 and again.results.plies() == 11
    again.close()


def test_the_pairs_are_those_that_ratings_are_made_of(tmp_path: Path) -> None:
    one = opened(tmp_path)
    one.add(result(0, 1, 0, (1.0, 0.0)))  # a won in seat 0, lost in seat 1: the first mover won twice
    table = elo.table(one.results.pairs())
    assert table[0, 1].tolist() == [1, 0, 0] and table[1, 0].tolist() == [1, 0, 0]
    one.close()


def test_a_file_cut_off_anywhere_costs_the_pairs_behind_the_cut_and_no_others(tmp_path: Path) -> None:
    whole = opened(tmp_path / "whole")
    for number in range(4):
        whole.add(result(0, 1, number))
    whole.close()
    lines = (tmp_path / "whole" / "games.jsonl").read_bytes()
    ends = [k + 1 for k, byte in enumerate(lines) if byte == ord("\n")]
    for cut in [*range(0, len(lines), 37), len(lines) - 1, len(lines)]:
        folder = tmp_path / f"cut{cut}"
        shutil.copytree(tmp_path / "whole", folder)
        with (folder / "games.jsonl").open("r+b") as file:
            file.truncate(cut)
        one = opened(folder)
        kept = sum(end <= cut for end in ends)
        assert len(one.results) == kept
        for task in one.results.missing([(0, 1)], 4):
            one.add(result(*task))
        one.close()
        assert (folder / "games" / "a - b.txt").stat().st_size == 4 * len(result(0, 1, 0).text)
        with opened(folder) as again:
            assert len(again.results) == 4


def test_noise_behind_the_last_line_is_cut_off(tmp_path: Path) -> None:
    one = opened(tmp_path)
    one.add(result(0, 1, 0))
    one.close()
    with (tmp_path / "games.jsonl").open("ab") as file:
        file.write(b'{"players": [["a"\x00\xff')
    again = opened(tmp_path)
    assert len(again.results) == 1
    again.add(result(0, 1, 1))
    again.close()
    assert [json.loads(line)["opening"] for line in (tmp_path / "games.jsonl").read_text().splitlines()] == [0, 1]


def test_results_of_another_player_of_that_name_do_not_count(tmp_path: Path) -> None:
    one = opened(tmp_path)
    one.add(result(0, 1, 0))
    one.close()
    other = opened(tmp_path, [PARTICIPANTS[0], tournament.Participant("b", "trained further"), PARTICIPANTS[2]])
    assert len(other.results) == 0 and other.results.missing([(0, 1)], 1) == [tournament.MatchTask(0, 1, 0)]
    other.close()
    with opened(tmp_path) as again:
        assert len(again.results) == 1, "they stay for the player they are of"


def test_players_named_in_another_order_keep_their_points(tmp_path: Path) -> None:
    one = opened(tmp_path)
    one.add(result(0, 1, 0, (1.0, 0.5)))
    before = elo.table(one.results.pairs())
    one.close()
    swapped = opened(tmp_path, [PARTICIPANTS[1], PARTICIPANTS[0]])
    after = elo.table(swapped.results.pairs())
    assert np.array_equal(before[:2, :2], after[::-1, ::-1])
    (found,) = swapped.results.by_task.values()
    assert found.points == (0.5, 0.0) and found.plies == (12, 10) and found.digests == ("y0", "x")
    swapped.close()


def test_results_in_memory_are_those_that_are_read_back_from_the_folder(tmp_path: Path) -> None:
    with opened(tmp_path) as one:
        one.add(result(0, 1, 0))
        one.add(score(1, 2, 0))
    with opened(tmp_path) as again:
        assert again.results.by_task == one.results.by_task
        assert all(
            isinstance(found, tournament.TaskResult) and not found.text for found in again.results.by_task.values()
        )


def test_other_terms_are_refused_and_so_is_a_second_writer(tmp_path: Path) -> None:
    one = opened(tmp_path)
    with pytest.raises(FolderError, match=rf"another tournament \(process {os.getpid()}\) is writing"):
        opened(tmp_path)
    one.close()
    with pytest.raises(FolderError, match=r"other terms \(seed 1, now 2\)"):
        opened(tmp_path, terms={"game": "x", "seed": 2})
    (tmp_path / "arena.json").write_text("{")
    with pytest.raises(FolderError, match="damaged"):
        opened(tmp_path)


def test_a_folder_that_cannot_be_written_is_refused_and_left_unlocked(tmp_path: Path) -> None:
    opened(tmp_path).close()
    (tmp_path / "games.jsonl").unlink()
    (tmp_path / "games.jsonl").mkdir()
    with pytest.raises(FolderError, match="cannot write to") as refused:
        opened(tmp_path)
    (tmp_path / "games.jsonl").rmdir()
    opened(tmp_path).close()
    assert refused.value is not None, "the error, and the folder in its traceback, are still held"


def test_a_folder_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    """Lines and terms as commit f251a40 wrote them."""
    (tmp_path / "games").mkdir()
    record = "game 0 1 0\n" * 2
    (tmp_path / "games" / "a - b.txt").write_text(record)
    (tmp_path / "arena.json").write_text('{\n "format": 1,\n "game": "x",\n "seed": 1\n}')
    (tmp_path / "games.jsonl").write_text(
        '{"players": [["a", "digest of a"], ["b", "digest of b"]], "opening": 0, "points": [1.0, 0.5], '
        '"plies": [10, 12], "digests": ["x", "y0"], "adjudicated": 1, "file": "a - b.txt", "end": 22}\n'
        '{"players": [["a", "digest of a"], ["c", "digest of c"]], "opening": 3, "points": [0.25], '
        '"games": 90.5, "variance": 0.002, "figures": {"memorised": 0.01}}\n'
    )
    assert len(record) == 22
    with opened(tmp_path) as one:
        assert one.results.by_task == {
            tournament.MatchTask(0, 1, 0): result(0, 1, 0)._replace(text=""),
            tournament.MatchTask(0, 2, 3): tournament.TaskResult(
                tournament.MatchTask(0, 2, 3), (0.25,), games=90.5, variance=0.002, figures={"memorised": 0.01}
            ),
        }
        one.add(result(0, 1, 1))
    assert (tmp_path / "games" / "a - b.txt").read_text().startswith(record)


def test_repeated_games_are_counted(tmp_path: Path) -> None:
    one = opened(tmp_path)
    for number in range(3):
        one.add(result(0, 1, number))  # the first game is "x" each time, the second differs
    one.add(result(0, 2, 0))
    assert one.results.duplicates() == 2
    one.close()


# Scores


def score(first: int, second: int, block: int, points: float = 0.3, variance: float = 0.002) -> tournament.TaskResult:
    return tournament.TaskResult(
        tournament.MatchTask(first, second, block),
        (points,),
        games=100.0,
        variance=variance,
        figures={"known": 0.01 * block},
    )


def test_scores_come_back_with_their_variance_and_leave_no_record(tmp_path: Path) -> None:
    with opened(tmp_path) as one:
        one.add(score(0, 1, 0))
        one.add(score(0, 1, 1, points=0.5))
    line = json.loads((tmp_path / "games.jsonl").read_text().splitlines()[0])
    assert list(line) == ["players", "opening", "points", "games", "variance", "figures", "sha256"]
    assert list((tmp_path / "games").iterdir()) == []
    with opened(tmp_path) as again:
        cell = again.results.table("player").get("a", "b")
        assert cell is not None and cell.score == pytest.approx(0.4) and cell.games == 200
        assert cell.variance == pytest.approx(0.001), "of a mean of two"
        assert again.results.figure("known") == {
            tournament.MatchTask(0, 1, 0): 0.0,
            tournament.MatchTask(0, 1, 1): 0.01,
        }
        assert again.results.duplicates() == again.results.adjudicated() == again.results.plies() == 0
        blocks = [block.get("a", "b") for block in again.results.blocks("player")]
        assert [cell and cell.score for cell in blocks] == [0.3, 0.5]


def test_scores_of_two_roles_are_rows_against_columns_in_any_order_of_entrants(tmp_path: Path) -> None:
    roles = ("row", "column")
    participants = [tournament.Participant("a", "x", "row"), tournament.Participant("b", "y", "column")]
    with opened(tmp_path, participants) as one:
        one.add(score(0, 1, 0, points=0.2))
    with opened(tmp_path, participants[::-1]) as turned:
        assert turned.results.by_task[tournament.MatchTask(0, 1, 0)].points == (0.8,)
        cell, other = turned.results.table(*roles).get("a", "b"), turned.results.table(*reversed(roles)).get("b", "a")
        assert cell is not None and other is not None and (cell.score, other.score) == pytest.approx((0.2, 0.8))


def test_games_in_pairs_are_a_table_too(tmp_path: Path) -> None:
    with opened(tmp_path) as one:
        one.add(result(0, 1, 0, (1.0, 0.5)))
        one.add(result(0, 1, 1, (0.0, 0.5)))
        cell = one.results.table("player").get("b", "a")
    assert cell is not None and (cell.score, cell.games, cell.variance) == (0.5, 4, None)


# Played for real


def spec(**changes: object) -> match_worker.MatchSpec:
    game = games.make("tic-tac-toe")
    starts = openings.random(game, 6, 2, np.random.default_rng(0))
    fields = {"players": ("random", "greedy", "solver"), "names": ("random", "greedy", "solver"), "game": game.name,
              "num_simulations": 4, "openings": tuple(starts), "seed": 3}  # fmt: skip
    return match_worker.MatchSpec(**(fields | changes))  # type: ignore[arg-type]


def test_a_tournament_stopped_and_resumed_is_the_same_as_one_that_was_not(tmp_path: Path) -> None:
    participants = [tournament.Participant(name, name) for name in spec().names]
    pairings = tournament.round_robin(3)

    def play(folder: Path, sessions: list[int | None]) -> TournamentFolder:
        for limit in sessions:
            one = TournamentFolder(folder, participants, {}, "txt")
            for number, (results, _) in enumerate(
                match_worker.MatchWorker(spec()).run(one.results.missing(pairings, 6)), start=1
            ):
                for found in results:
                    one.add(found)
                if number == limit:
                    break
            one.close()
        return TournamentFolder(folder, participants, {}, "txt")

    with play(tmp_path / "whole", [None]) as whole, play(tmp_path / "stopped", [4, 7, None]) as stopped:
        assert len(whole.results) == 18 and stopped.results.missing(pairings, 6) == []
        assert whole.results.by_task == stopped.results.by_task


def test_points_are_the_first_named_players_and_records_tell_the_same() -> None:
    game, one = games.make("tic-tac-toe"), match_worker.MatchWorker(spec())
    for found in one.play([tournament.MatchTask(0, 2, number) for number in range(6)]):
        first, second = notation_of(game).read_records(found.text)
        assert first.tags["First"] == "random" and second.tags["First"] == "solver"
        points = [records.score(game, record.start, record.actions) for record in (first, second)]
        assert found.points == (points[0], 1 - points[1])
        assert (len(first.actions), len(second.actions)) == found.plies


def test_a_search_player_counts_its_simulations(tmp_path: Path) -> None:
    import tiny

    run = str(tiny.weights_folder(tmp_path, "tic-tac-toe"))
    one = match_worker.MatchWorker(spec(players=(run, "random"), names=("net", "random"), num_simulations=5))
    told = list(one.run([tournament.MatchTask(0, 1, number) for number in range(6)]))
    assert len(told) == 6 and sum(simulations for _, simulations in told) > 0
    assert list(one.run([])) == []


def test_a_player_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    for text, words in (
        ("nowhere/run", "does not exist"), ("greddy", "Did you mean 'greedy'"), ("random?x=3", "no reference"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=words):
            match_worker.MatchWorker(spec(players=(text, "random")))


def test_a_task_travels_with_its_two_games() -> None:
    worker, task = match_worker.MatchWorker(spec()), tournament.MatchTask(0, 2, 3)
    first, second = worker._fixtures(task)
    assert first.task == second.task == task and first.seats == second.seats[::-1] == (0, 2)
    assert first.number + 1 == second.number, "each has a random stream of its own"
    found = list(worker.play([task, task._replace(opening=4)]))
    assert {one.task for one in found} == {task, task._replace(opening=4)}


def test_together_does_not_change_results() -> None:
    tasks = [tournament.MatchTask(0, 1, number) for number in range(6)]
    few, many = (
        sorted(match_worker.MatchWorker(spec(together=together)).play(tasks)) for together in (2, match.TOGETHER)
    )
    assert few == many
