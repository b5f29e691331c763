"""Reactions to drift: takes the actions that are due at the end of a generation, before its weights are saved and
published, and says what was done.

Knows the learner, the replay and the pool; which actions are due, `drift.plan` says. All that it changes is part of the
training state, so that a run that is stopped and resumed around an action goes on as if it had not been stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from selfplay.agent import Agent
from selfplay.drift.plan import Reaction
from selfplay.errors import CheckpointError, TrainingDiverged
from selfplay.league.pool import Pool
from selfplay.learning.training import Training
from selfplay.loop.reactions.learner_states import LearnerStates
from selfplay.loop.telemetry import Telemetry

ANCHORS = 4  # generations from before a change that join the opponents
SNAPSHOTS = 16  # earlier generations that are compared on the newest rows
COMPARED = 2_048  # newest rows that they are compared on, at most
MARKS = 1_000  # generations whose rows can be told apart


class Done(NamedTuple):
    """What became of an action, as a clause."""

    what: str
    taken: bool = True


class Reactions:
    """The actions of one run: owns what they need to know of earlier generations, and the reason to end, if any."""

    def __init__(self, agent: Agent, training: Training, pool: Pool, telemetry: Telemetry, run: Path) -> None:
        self._agent, self._training, self._pool, self._telemetry = agent, training, pool, telemetry
        self._settings = telemetry.watching.settings
        self._states = LearnerStates(run)
        self._ends = {0: 0}  # rows inserted at the end of each generation
        self._left: list[list[int]] = []  # [first, last] generations that were gone back from
        self._refits: tuple[int, int] | None = None  # the output layer to rows since a generation, so many times more
        self._replaced = False  # whether the weights are others than those that the generation ended with
        self.ended = ""  # why the session is to end, as a sentence

    @property
    def _goes_back(self) -> bool:
        return "restore-generation" in self._settings.actions and self._settings.react != "never"

    def begin(self, generation: int) -> None:
        """A session begins, whose newest generation is this one."""
        if self._goes_back and generation not in self._states.generations():
            self._states.save(generation, self._training.learner.state()[0])
        idle = dict.fromkeys(self._telemetry.watching.unused(), "no stream that is watched here calls for it")
        if why := self._agent.without_opponents():
            idle["add-anchors"] = why
        for name in sorted(idle.keys() & {*self._settings.actions}):
            self._telemetry.note(f"drift.actions={name} does nothing in this run, since {idle[name]}.")
        if self._settings.actions and not self._settings.alarms and self._settings.react == "on-alarm":
            self._telemetry.note("drift.actions do nothing in this run, since drift.alarms is off.")

    def end_generation(self, generation: int) -> None:
        """Takes what is due at the end of this generation."""
        self._ends[generation] = self._training.start
        self._ends.pop(generation - MARKS, None)
        due = self._telemetry.watching.due(generation)
        for reaction in due:
            done = self._take(reaction, generation)
            if done.taken:
                self._telemetry.acted(reaction, done.what)
            else:
                self._telemetry.note(f"Generation {generation}: {reaction.action} was not taken: {done.what}.")
        self._refit_again(due, generation)
        self._look_again()
        if self._goes_back:
            self._states.save(generation, self._training.learner.state()[0])

    def diverged(self, error: TrainingDiverged, generation: int) -> None:
        """Goes back to the last good generation, in the middle of the one after `generation`. Raises `error` where that
        is not allowed, and where there is none to go back to."""
        if not self._goes_back:
            raise error
        reaction = Reaction("restore-generation", "diverged", "", generation + 1, str(error).rstrip("."))
        done = self._restore_generation(reaction, generation + 1)
        if not done.taken:
            raise error
        self._left[-1][0] -= 1  # nor to that one, should what follows diverge too
        self._look_again()
        self._telemetry.acted(reaction, done.what)

    def _look_again(self) -> None:
        """What watches weights compares the next ones with those that are there now."""
        if self._replaced:
            self._replaced = False
            learner = self._training.learner
            self._telemetry.watching.begin(learner.weights(), learner.newest_weights())

    def saved(self, generation: int) -> None:
        """The state of this generation has been saved: drops what is needed no more."""
        if self._goes_back:
            self._states.retain(generation)

    # -- actions ---------------------------------------------------------------------------------------------

    def _take(self, reaction: Reaction, generation: int) -> Done:
        if reaction.action == "restore-generation":
            return self._restore_generation(reaction, generation)
        if reaction.action == "restore-snapshot":
            return self._restore_snapshot(reaction, generation)
        if reaction.action == "evict-rows":
            return self._evict_rows(reaction)
        if reaction.action == "refit-outputs":
            return self._refit_outputs(reaction)
        if reaction.action == "slow-reuse":
            return self._slow_reuse()
        if reaction.action == "raise-learning-rate":
            return self._raise_learning_rate()
        if reaction.action == "add-anchors":
            return self._add_anchors(reaction, generation)
        assert reaction.action == "stop", reaction.action
        part = f" ({reaction.part})" if reaction.part else ""
        self.ended = (
            f"Stopped at generation {generation} by drift.actions=stop, because {reaction.stream}{part}: "
            f"{reaction.reason}."
        )
        return Done("the session ends, and all is saved")

    def _restore_generation(self, reaction: Reaction, generation: int) -> Done:
        bad = {each for first, last in self._left for each in range(first, last + 1)}
        good = [each for each in self._states.generations() if each < reaction.since and each not in bad]
        for found in reversed(good):
            try:
                self._training.restore(self._states.load(found))
            except CheckpointError as error:
                self._telemetry.note(f"Generation {found} cannot be gone back to: {error}")
                continue
            self._left = [*self._left, [found + 1, generation - 1]][-MARKS:]
            self._replaced = True
            return Done(f"the learner is that of generation {found} again, the last from before generation "
                        f"{reaction.since}")  # fmt: skip
        return Done(f"no learner from before generation {reaction.since} is kept", taken=False)

    def _restore_snapshot(self, reaction: Reaction, generation: int) -> Done:
        learner, rows = self._training.learner, self._rows_since(reaction.since)
        present = learner.weights()
        best, weights, score = -1, present, self._agent.fit(present, rows)
        now = score
        for each in reversed(_spread(self._pool.kept(generation - 1), SNAPSHOTS)):  # of equals the latest
            try:
                held = self._pool.load(each)[1]
            except CheckpointError as error:
                self._telemetry.note(f"Generation {each} cannot be gone back to: {error}")
                continue
            if (found := self._agent.fit(held, rows)) > score:
                best, weights, score = each, held, found
        told = f"{len(rows):,} newest rows"
        if best < 0:
            return Done(f"no earlier generation fits the {told} better than the present weights ({now:.4g})", False)
        learner.adopt(weights)
        self._replaced = True
        return Done(f"the weights are those of generation {best}, which fit the {told} best ({score:.4g}, where the "
                    f"present ones have {now:.4g})")  # fmt: skip

    def _evict_rows(self, reaction: Reaction) -> Done:
        dropped = self._training.replay.evict(self._rows_before(reaction.since))
        if not dropped:
            return Done(f"there are no rows from before generation {reaction.since}", taken=False)
        return Done(f"{dropped:,} rows from before generation {reaction.since} are learned from no more, and "
                    f"{len(self._training.replay):,} are left")  # fmt: skip

    def _refit_outputs(self, reaction: Reaction) -> Done:
        self._refits = (reaction.since, self._settings.lasting)
        return self._refit(reaction.since)

    def _refit_again(self, due: list[Reaction], generation: int) -> None:
        """In the generations after that in which it was due, while it lasts."""
        if self._refits is None or any(reaction.action == "refit-outputs" for reaction in due):
            return
        since, left = self._refits
        if left > 1:
            self._refits = since, left - 1
            if (done := self._refit(since)).taken:
                self._telemetry.note(f"Generation {generation}: refit-outputs goes on: {done.what}.")
        else:
            self._refits = None

    def _refit(self, since: int) -> Done:
        learner, rows = self._training.learner, self._rows_since(since)
        present = learner.weights()
        told = f"{len(rows):,} newest rows"
        if (found := self._agent.refit(present, rows)) is None:
            return Done(f"no output layer is fitted to the {told}", taken=False)
        weights, score = found
        if score <= (now := self._agent.fit(present, rows)):
            return Done(f"an output layer fitted to the {told} is no better than the present one ({score:.4g} on rows "
                        f"held out, where that has {now:.4g})", taken=False)  # fmt: skip
        learner.adopt(weights)
        self._replaced = True
        return Done(f"the output layer is fitted anew to the {told} ({score:.4g} on rows held out, where the one "
                    f"before has {now:.4g}), {self._settings.lasting} times in all, once a generation")  # fmt: skip

    def _slow_reuse(self) -> Done:
        factor, lasting = self._settings.reuse_factor, self._settings.lasting
        self._training.slow_reuse(factor, lasting)
        draws = self._agent.config.replay.samples_per_insert
        return Done(f"rows are drawn {factor * draws:g} times instead of {draws:g}, for {lasting} generations")

    def _raise_learning_rate(self) -> Done:
        if self._replaced:  # large steps would undo what was gained
            return Done("the weights were just replaced by others, which fit as they are", taken=False)
        factor, lasting = self._settings.rate_factor, self._settings.lasting
        self._training.raise_learning_rate(factor, lasting)
        rate = factor * self._agent.config.learner.learning_rate
        return Done(f"the learning rate begins anew at {rate:.2g}, and is back on its schedule in {lasting} "
                    "generations")  # fmt: skip

    def _add_anchors(self, reaction: Reaction, generation: int) -> Done:
        if why := self._agent.without_opponents():
            return Done(why, taken=False)
        before = [each for each in self._pool.kept(generation - 1) if 0 < each < reaction.since]
        if not before:
            return Done(f"no generation from before generation {reaction.since} is kept", taken=False)
        self._pool.anchors = _spread(before, ANCHORS)
        told = ", ".join(map(str, self._pool.anchors))
        return Done(f"half of the opponents are drawn from generations {told}, which are kept")

    def _rows_since(self, since: int) -> np.ndarray:
        """The newest rows, from generation `since` on, at least one and at most COMPARED."""
        replay = self._training.replay
        first = max(self._rows_before(since), replay.inserted - min(COMPARED, len(replay)))
        return replay.rows(min(first, replay.inserted - 1), replay.inserted)

    def _rows_before(self, since: int) -> int:
        """Rows inserted before generation `since` began."""
        return max((rows for generation, rows in self._ends.items() if generation < since), default=0)

    # -- going on exactly ------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """JSON values; `load_state` goes on from there."""
        return {
            "ends": list(self._ends.items()), "left": self._left, "anchors": self._pool.anchors, "refits": self._refits,
        }  # fmt: skip

    def load_state(self, state: Mapping[str, Any] | None, generation: int) -> None:
        """Goes on from a state of a run whose newest generation is this one; None: of an earlier version."""
        held = state or {"ends": [[generation, self._training.start]], "left": [], "anchors": []}
        self._ends = {int(each): int(rows) for each, rows in held["ends"]}
        self._left = [list(map(int, each)) for each in held["left"]]
        self._pool.anchors = [int(each) for each in held["anchors"]]
        since, left = held.get("refits") or (0, 0)  # states of earlier versions have none
        self._refits = (int(since), int(left)) if left else None


def _spread(generations: list[int], most: int) -> list[int]:
    """At most so many of the generations, the newest among them, and the others at even distances."""
    places = np.unique(np.linspace(0, len(generations) - 1, min(most, len(generations))).round().astype(int))
    return [generations[place] for place in places.tolist()]
