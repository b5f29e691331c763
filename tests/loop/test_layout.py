"""Layouts: who plays where, on machines that are numbers here."""

from __future__ import annotations

from collections import Counter

import pytest

from selfplay.loop.nodes import layout
from selfplay.loop.nodes.layout import Place, Room

CPU_HEAD, GPU_HEAD = Room("head", 7, learns=False), Room("head", 7, 1, learns=True)
CPU_NODES = [Room("a", 8), Room("b", 8)]


def counts(made: layout.Layout) -> Counter[Place]:
    return Counter(made.places)


def test_without_a_gpu_actors_fill_the_cpus_evenly() -> None:
    made = layout.decide([Room("head", 4), Room("a", 8)], 6, None)
    assert counts(made) == {Place("head", 0.0): 2, Place("a", 0.0): 4}
    assert made.held is None


def test_actors_of_one_machine_share_what_the_learner_leaves_of_its_only_gpu() -> None:
    made = layout.decide([GPU_HEAD], 4, None)
    assert counts(made) == {Place("head", 0.125): 4}
    assert made.held == ("head", 0.5)


def test_with_several_gpus_the_learner_has_one_and_the_actors_are_spread_over_the_others() -> None:
    made = layout.decide([Room("head", 16, 3, learns=True)], 5, None)
    assert made.held == ("head", 1.0)
    # Ray fills a GPU before it opens the next: shares of a third of five actors on two GPUs are three and two.
    assert counts(made) == {Place("head", 0.3333): 5}


def test_a_gpu_head_with_cpu_nodes_starts_all_actors() -> None:
    made = layout.decide([GPU_HEAD, *CPU_NODES], 20, None)
    found = counts(made)
    assert found == {Place("head", 0.0714): 7, Place("a", 0.0): 7, Place("b", 0.0): 6}
    assert made.held == ("head", 0.5)


def test_nodes_with_gpus_beside_a_head_without_one_are_used() -> None:
    made = layout.decide([CPU_HEAD, Room("a", 8, 2), Room("b", 8, 2)], 18, None)
    assert counts(made) == {Place("a", 0.25): 8, Place("b", 0.25): 8, Place("head", 0.0): 2}
    assert made.held is None


def test_a_head_whose_learner_computes_on_the_cpu_lends_its_whole_gpu() -> None:
    made = layout.decide([Room("head", 4, 1, learns=False)], 4, None)
    assert counts(made) == {Place("head", 0.25): 4} and made.held is None


def test_actors_without_a_share_are_anywhere_and_hold_no_gpu() -> None:
    made = layout.decide([GPU_HEAD, *CPU_NODES], 3, 0.0)
    assert {place.gpus for place in made.places} == {0.0} and made.held is None


def test_a_share_that_was_asked_for_is_what_each_gets_and_the_learner_keeps_a_gpu_where_that_fits() -> None:
    two = [Room("head", 8, 2, learns=True)]
    assert layout.decide(two, 4, 0.25) == layout.Layout([Place(None, 0.25)] * 4, ("head", 1.0))
    assert layout.decide(two, 8, 0.25).held is None, "the actors need both"


def test_actors_that_find_no_room_wait_for_a_cpu_of_any_node() -> None:
    made = layout.decide([GPU_HEAD], 9, None)
    assert made.places[7:] == [Place(None, 0.0)] * 2
    assert layout.decide([], 2, None).places == [Place(None, 0.0)] * 2


@pytest.mark.parametrize("gpus", [0.5, 1, 2, 3, 8])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 16, 100])
def test_shares_never_add_up_to_more_than_there_is_even_when_none_is_split(gpus: float, count: int) -> None:
    each = layout.share(gpus, count)
    assert each > 0
    held_by_one = int((min(gpus, 1) + 1e-9) / each)
    assert held_by_one * max(1, int(gpus)) >= count


def test_an_actor_whose_node_is_gone_goes_where_there_is_room_and_to_a_gpu_first() -> None:
    assert layout.another([Room("a", 3), Room("b", 4, 1)], None) == Place("b", 0.25)
    assert layout.another([Room("a", 3), Room("b", 4, 1)], 0.0) == Place("b", 0.0)
    assert layout.another([Room("a", 0.5)], None) == Place(None, 0.0)
    assert layout.another([Room("a", 3)], 0.5) == Place(None, 0.5)


def test_auto_leaves_the_learner_a_core_where_its_node_has_not_done_so() -> None:
    size, sentence = layout.as_many_as_fit([Room("here", 8)], "here", 8)
    assert size == 7 and "this machine's 8 cores, but the learner's, is 7" in sentence
    size, sentence = layout.as_many_as_fit([Room("head", 7), *CPU_NODES], "head", 8)
    assert size == 23 and "the 23 CPUs that 3 nodes offer" in sentence
    assert layout.as_many_as_fit([Room("here", 1)], "here", 1)[0] == 1
