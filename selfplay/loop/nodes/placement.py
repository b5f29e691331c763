"""A placement: the layout of a pool's processes on the nodes that Ray has, and Ray's options that bring it about.

Nodes may come and go: a process whose node is lost is placed anew, on what there is then.
"""

from __future__ import annotations

from typing import Any

from selfplay.loop.nodes import layout

HIDDEN = {"env_vars": {"CUDA_VISIBLE_DEVICES": ""}}  # set before a process loads anything, whatever Ray's version does


class Placement:
    """Places of `size` processes, decided when it is made."""

    def __init__(self, ray: Any, size: int, asked: float | None, learns_on_gpu: bool, private: bool) -> None:
        """ray: connected. asked: see `layout.decide`. learns_on_gpu: whether the learner, in this process, does.
        private: Ray runs for this process alone, so that processes may share its CPUs."""
        self._ray, self._asked, self._private = ray, asked, private
        driver = ray.get_runtime_context().get_node_id()
        found = [room._replace(learns=learns_on_gpu and room.node == driver) for room in rooms(ray)]
        if private:
            found = [room._replace(cpus=max(room.cpus, size)) for room in found]
        decided = layout.decide(found, size, asked)
        self.places = decided.places
        if decided.held:  # Ray gives out a node's GPUs from the first on, which is the learner's
            node, gpus = decided.held
            address = next(node_["NodeManagerAddress"] for node_ in ray.nodes() if node_["NodeID"] == node)
            self._held = ray.util.placement_group([{"GPU": gpus, f"node:{address}": 0.001}])
            ray.wait([self._held.ready()], timeout=10.0)

    def options(self, index: int) -> dict[str, Any]:
        """Options of the class of process `index`."""
        node, gpus = self.places[index]
        made: dict[str, Any] = {"num_cpus": 0 if self._private else 1, "num_gpus": gpus}
        if self._private:
            return made  # where no process has a GPU, none of this Ray sees one
        if not gpus:
            made["runtime_env"] = HIDDEN
        if node is not None:
            affinity = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
            made["scheduling_strategy"] = affinity(node, soft=True)
        return made

    def renew(self, index: int) -> None:
        """Process `index` is about to be started again: where its node is gone, its place is another."""
        node = self.places[index].node
        if node is None or any(other["NodeID"] == node and other["Alive"] for other in self._ray.nodes()):
            return
        self.places[index] = layout.another(rooms(self._ray), self._asked)


def rooms(ray: Any) -> list[layout.Room]:
    """What living nodes have left, those with CPUs or GPUs."""
    free = ray._private.state.available_resources_per_node()
    found = []
    for node in ray.nodes():
        if node["Alive"]:
            left = free.get(node["NodeID"], node["Resources"])
            found.append(layout.Room(node["NodeID"], left.get("CPU", 0.0), left.get("GPU", 0.0)))
    return [room for room in found if room.cpus or room.gpus]
