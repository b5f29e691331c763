"""The plan of a sweep: what is refused before anything runs, in which order trials run, what may change later."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from selfplay.errors import ConfigError, FolderError
from selfplay.storage import lock
from selfplay.sweeps import folder as folders
from selfplay.sweeps import measuring, plan, request, training
from selfplay.sweeps.plan import Budget, Measure, Trial

ARMS = [("base", ()), ("wide", ("network.channels=64",))]


def make(**changes: Any) -> plan.Plan:
    given: dict[str, Any] = {
        "preset": "tic-tac-toe", "config": None, "settings": ["run.actors=0"], "arms": ARMS, "seeds": (1, 2, 3),
        "budget": Budget("evaluations", 5_000.0), "measure": Measure(),
    }  # fmt: skip
    return plan.make(**(given | changes))


def test_every_arm_has_the_shared_settings_its_own_and_the_budget() -> None:
    made = make()
    configs = {arm.name: arm.config for arm in made.arms}
    assert (configs["base"].network.channels, configs["wide"].network.channels) == (32, 64)
    assert {(c.run.minutes, c.run.generations, c.run.evaluations) for c in configs.values()} == {(None, None, 5000)}
    assert made.budget.assignments == ["run.minutes=none", "run.generations=none", "run.evaluations=5000"]
    assert make(budget=Budget("minutes", 0.1)).arms[0].config.run.minutes == 0.1
    assert make(budget=None).budget == Budget("minutes", 5.0)  # the preset's


def test_each_arm_comes_equally_often_at_each_place_of_the_order() -> None:
    names = [f"a{number}" for number in range(3)]
    arms = [(name, (f"network.channels={8 + place}",)) for place, name in enumerate(names)]
    trials = make(arms=arms).trials()
    assert trials[:4] == [Trial("a0", 1), Trial("a1", 1), Trial("a2", 1), Trial("a1", 2)]
    places = {name: [at % 3 for at, trial in enumerate(trials) if trial.arm == name] for name in names}
    assert all(sorted(at) == [0, 1, 2] for at in places.values())
    assert sum(trials.index(trial) for trial in trials if trial.arm == "a0") == 0 + 5 + 7


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"arms": [("base", ("network.chanels=3",))]}, "arm 'base': .*Did you mean 'network.channels'"),
        ({"arms": [("base", ("network.channels=many",))]}, "arm 'base': 'many' is not valid"),
        ({"arms": [*ARMS, ("same", ("network.channels=64",))]}, "arms 'wide' and 'same' have equal settings"),
        ({"arms": [*ARMS, ("Base", ())]}, "two arms are called 'base'"),
        ({"arms": [("../up", ())]}, "cannot be the name of an arm"),
        ({"arms": []}, "a sweep needs arms"),
        ({"arms": [("base", ("run.minutes=3",))]}, "give it as --minutes"),
        ({"settings": ["run.seed=3"]}, "give it as --seeds"),
        ({"seeds": (1, 1)}, "seed 1 is given twice"),
        ({"seeds": ()}, "0 trials"),
        ({"measure": Measure(games=5)}, "5 games of two agents are no pairs"),
        ({"preset": None}, "expected a preset"),
        ({"preset": "tic-tac"}, "Did you mean 'tic-tac-toe'"),
        ({"budget": Budget("generations", 2.5)}, "'2.5' is not valid for 'run.generations'"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_cannot_be_compared_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make(**changes)


def test_a_measure_that_the_game_does_not_have_is_refused() -> None:
    assert measuring.kind_of(make()) == "exact"
    assert measuring.kind_of(make(preset="gan-ring", arms=[("base", ())])) == "evaluation"
    assert measuring.kind_of(make(measure=Measure("games"))) == "games"
    with pytest.raises(ConfigError, match="Did you mean 'exact'"):
        measuring.kind_of(make(measure=Measure("exakt")))
    with pytest.raises(ConfigError, match="plays no game"):
        measuring.kind_of(make(preset="gan-ring", arms=[("base", ())], measure=Measure("games")))


def test_arms_are_read_from_one_word_with_commas_in_lists_left_alone() -> None:
    assert request.arm("base") == ("base", ())
    assert request.arm("a:x.y=1,z.w=2") == ("a", ("x.y=1", "z.w=2"))
    assert request.arm("a:evaluation.opponents=random,uct:100,run.actors=0") == (
        "a", ("evaluation.opponents=random,uct:100", "run.actors=0"),
    )  # fmt: skip


def test_a_file_says_all_of_a_sweep_and_options_come_on_top(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text("""
preset = "tic-tac-toe"
minutes = 2
seeds = [4, 7]
cores = [[0], [1]]
positions = 50
[settings]
"run.actors" = 0
[arms.base]
[arms.wide.network]
channels = 64
""")
    read = request.read(file)
    made = read.plan()
    assert [arm.changes for arm in made.arms] == [(), ("network.channels=64",)]
    assert (made.seeds, made.budget, read.cores) == ((4, 7), Budget("minutes", 2.0), ((0,), (1,)))
    assert made.measure == Measure(positions=50)
    asked = request.Request(budget=Budget("generations", 3.0), settings=("actor.num_simulations=4",))
    over = asked.over(read).plan()
    assert over.budget == Budget("generations", 3.0) and over.seeds == (4, 7)
    assert over.arms[1].config.actor.num_simulations == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed = 3", "a sweep has no 'seed'. Did you mean 'seeds'"),
        ("minutes = 1\nevaluations = 2", "each trial has one budget"),
        ("seeds = 0", "'seeds' is 0: expected a whole number from 1"),
        ("cores = [0, 1]", "'cores' lists the cores of each trial"),
        ("minutes = -1", "expected a number above 0"),
        ('arms = "base"', "expected sections"),
        ("minutes =", "not valid TOML in line 1"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_the_key(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        request.read(file)
    assert said in str(refused.value) and str(file) in str(refused.value)


def test_a_folder_goes_on_with_more_seeds_and_arms_and_refuses_other_changes(tmp_path: Path) -> None:
    path = tmp_path / "sweep"
    with folders.SweepFolder(path, make()) as folder:
        folder.add_trained(Trial("base", 1), 3.0)
        folder.add_result(Trial("base", 1), {"metrics": {"mistakes": 0.25, "odd": float("nan")}})
    more = make(seeds=(1, 2, 3, 4), arms=[*ARMS, ("deep", ("network.blocks=3",))])
    with folders.SweepFolder(path, more) as folder:
        assert folder.trained == {"base-1": 3.0}
        assert folder.results["base-1"]["metrics"]["mistakes"] == 0.25
    for changes, said in (
        ({"budget": Budget("minutes", 1.0)}, "budget was evaluations 5,000 and is minutes 1"),
        ({"seeds": (1, 2)}, "seed 3, 4 is missing"),
        ({"arms": [*ARMS, ("deep", ("network.blocks=4",))]}, "network.blocks of the arm 'deep' was 3 and is 4"),
        ({"arms": [("base", ()), ("deep", ("network.blocks=3",))]}, "the arm 'wide' is missing"),
        ({"arms": [ARMS[1], ARMS[0], ("deep", ("network.blocks=3",))]}, "the first arm"),
        ({"measure": Measure(positions=9)}, "measure was"),
    ):
        given: dict[str, Any] = {"seeds": (1, 2, 3, 4), "arms": [*ARMS, ("deep", ("network.blocks=3",))], **changes}
        with pytest.raises(FolderError) as refused:
            folders.SweepFolder(path, make(**given))
        assert said in str(refused.value)


def test_a_setting_that_the_version_before_did_not_have_does_not_stop_a_sweep(tmp_path: Path) -> None:
    values = json.loads(json.dumps(make().values()))
    before = json.loads(json.dumps(values))
    del before["arms"]["base"]["search.look_ahead"], before["arms"]["base"]["search.solve"]  # false and true today
    assert plan.changed(before, values) == []
    values["arms"]["base"]["search.look_ahead"] = True
    values["given"]["base"].append("search.look_ahead")
    assert plan.changed(before, values) == ["search.look_ahead of the arm 'base' was none and is true"]


def test_a_folder_of_something_else_or_in_use_is_refused_and_left_alone(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_text("{}")
    with pytest.raises(FolderError, match="holds a run, not a sweep"):
        folders.SweepFolder(run, make())
    assert [path.name for path in run.iterdir()] == ["config.json"]
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / folders.PLAN).write_text("{")
    with pytest.raises(FolderError, match="is damaged"):
        folders.SweepFolder(damaged, make())
    (tmp_path / "file").touch()
    with pytest.raises(FolderError, match="is a file"):
        folders.SweepFolder(tmp_path / "file", make())
    (tmp_path / "blocked" / "arms" / "base.toml").mkdir(parents=True)
    with pytest.raises(FolderError, match="cannot write to"):
        folders.SweepFolder(tmp_path / "blocked", make())
    assert lock.Lock.holder(tmp_path / "blocked" / "lock") is None
    with folders.SweepFolder(tmp_path / "busy", make()), pytest.raises(FolderError, match="another sweep"):
        folders.SweepFolder(tmp_path / "busy", make())
    assert lock.Lock.holder(tmp_path / "busy" / "lock") is None


def test_cores_that_are_not_there_or_shared_are_refused() -> None:
    training.check_lanes([None])
    with pytest.raises(ConfigError, match="there is no core 60000"):
        training.check_lanes([(60_000,)])
    usable = next(iter(sorted(__import__("os").sched_getaffinity(0))))
    with pytest.raises(ConfigError, match="is given twice"):
        training.check_lanes([(usable,), (usable,)])
