"""Compiled kernels over a batch of trees: reset the root, select, attach, expand, back up, re-root, read out.

They know the arrays of `tree.py` and nothing else: no position, no game, no network. Compiled once for all games and
cached on disk. Kernels that call each other must stay in this file, because the cache does not see edits elsewhere.

Values are always for the player to move at a node; an edge's value is for the player who takes the action, and
`reward + discount * value` is the only place where the view changes (Schrittwieser et al. 2020, appendix B).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from selfplay.search.tree import NO_NODE, UNKNOWN

FINISHED = -1  # select: this tree needs no more simulations
AT_ROOT = -2  # select: the root itself waits for its evaluation
COLLIDED = -3  # select: the position that the descent came to is being evaluated already

PUCT = 0
GUMBEL = 1
UCT = 2

LOST = np.float32(-1e30)  # value_sum of an edge that is proven lost: no formula chooses it while there is another


@njit(cache=True)
def reset_root(nodes, num_nodes, num_edges, full, rows, max_nodes):
    """Changes the trees `rows` [M]: each becomes a lone root that waits for its evaluation."""
    for i in range(len(rows)):
        root = rows[i] * max_nodes
        _clear(nodes, root, NO_NODE, 0, np.float32(0.0), np.float32(0.0))
        num_nodes[rows[i]] = 1
        num_edges[rows[i]] = 0
        full[rows[i]] = False


@njit(cache=True)
def _clear(nodes, node, parent, slot, reward, discount):
    """Changes one node: new, unvisited, unexpanded."""
    n = nodes[node]
    n["first_edge"] = 0
    n["num_edges"] = 0
    n["parent"] = parent
    n["slot"] = slot
    n["visits"] = 0
    n["value_sum"] = 0.0
    n["draw_sum"] = 0.0
    n["raw_value"] = 0.0
    n["visited_prior"] = 0.0
    n["reward"] = reward
    n["discount"] = discount
    n["proven"] = UNKNOWN


@njit(cache=True)
def _edge_result(nodes, child):
    """Proven value of the action that leads to `child`, for the player who takes it, or UNKNOWN."""
    if child == NO_NODE:
        return UNKNOWN
    proven = nodes[child]["proven"]
    if proven == UNKNOWN:
        return UNKNOWN
    return int(nodes[child]["reward"] + nodes[child]["discount"] * proven)


@njit(cache=True)
def _choose_puct(nodes, edges, node, c_puct, fpu_reduction, noise, fraction):
    """Edge slot by PUCT (Silver et al. 2018) with first-play urgency: an unvisited action is worth the node's value
    less fpu_reduction * sqrt(prior already visited) (KataGo). `noise` [K] is mixed into the prior by `fraction`."""
    n = nodes[node]
    first = n["first_edge"]
    scale = c_puct * math.sqrt(n["visits"])
    unvisited = n["value_sum"] / n["visits"] - fpu_reduction * math.sqrt(n["visited_prior"])
    best = 0  # even if every score is NaN, so that a broken network cannot make us write elsewhere
    best_score = -np.inf
    for k in range(n["num_edges"]):
        edge = edges[first + k]
        visits = edge["visits"]
        prior = edge["prior"]
        if fraction > 0.0:
            prior += fraction * (noise[k] - prior)
        q = edge["value_sum"] / visits if visits > 0 else unvisited
        score = q + scale * prior / (1 + visits)
        if score > best_score:
            best_score = score
            best = k
    return best


@njit(cache=True)
def _through(nodes, visits_in_flight, node):
    """How many descents are on their way through `node`."""
    first, total = nodes[node]["first_edge"], 0
    for edge in range(first, first + nodes[node]["num_edges"]):
        total += visits_in_flight[edge]
    return total


@njit(cache=True)
def _choose_puct_among(nodes, edges, visits_in_flight, node, c_puct, fpu_reduction, noise, fraction):
    """As _choose_puct, where descents on their way count as visits but not in the means (WU-UCT, Liu et al. 2020).
    One function for both would slow single descents by a twentieth."""
    n = nodes[node]
    first = n["first_edge"]
    scale = c_puct * math.sqrt(n["visits"] + _through(nodes, visits_in_flight, node))
    unvisited = n["value_sum"] / n["visits"] - fpu_reduction * math.sqrt(n["visited_prior"])
    best = 0
    best_score = -np.inf
    for k in range(n["num_edges"]):
        edge = edges[first + k]
        prior = edge["prior"]
        if fraction > 0.0:
            prior += fraction * (noise[k] - prior)
        q = edge["value_sum"] / edge["visits"] if edge["visits"] > 0 else unvisited
        score = q + scale * prior / (1 + edge["visits"] + visits_in_flight[first + k])
        if score > best_score:
            best_score = score
            best = k
    return best


@njit(cache=True)
def _choose_uct(nodes, edges, visits_in_flight, node, number, c_uct):
    """Edge slot by UCB1 (Kocsis & Szepesvári 2006, section 2.2): each action once, then the largest q + c_uct *
    sqrt(ln(visits of all) / visits). `number` of the node in its tree: new actions are tried in an order drawn from it
    and the slot, as the order of the list would favour one side of the board. `visits_in_flight`: as in
    _choose_puct_among."""
    n = nodes[node]
    first = n["first_edge"]
    several = len(visits_in_flight) > 0
    visits_of_all = (
        n["visits"] - 1 + (_through(nodes, visits_in_flight, node) if several else 0)
    )  # less its own evaluation
    log_visits = math.log(max(visits_of_all, 1))
    best = 0  # even if every score is NaN, so that a broken network cannot make us write elsewhere
    best_score = -np.inf
    for k in range(n["num_edges"]):
        done = edges[first + k]["visits"]
        visits = done + (visits_in_flight[first + k] if several else 0)
        if visits > 0:
            q = edges[first + k]["value_sum"] / done if done > 0 else -1.0  # not where another descent waits already
            score = q + c_uct * math.sqrt(log_visits / visits)
        else:
            draw = (number * 48271 + k * 69621 + 1) % 2147483647
            score = 1e12 + draw * draw % 2147483647  # before all that were visited
        if score > best_score:
            best_score = score
            best = k
    return best


@njit(cache=True)
def _mixed_value(nodes, edges, node):
    """Value that stands in for unvisited actions: the evaluator's value mixed with the visited actions' prior-weighted
    mean (Danihelka et al. 2022, appendix D). Returns (mixed value, most visits of an edge)."""
    n = nodes[node]
    first = n["first_edge"]
    prior_sum = 0.0
    weighted = 0.0
    total = 0
    most = 0
    for k in range(n["num_edges"]):
        visits = edges[first + k]["visits"]
        most = max(most, visits)
        if visits > 0 and edges[first + k]["value_sum"] != LOST:
            prior = max(edges[first + k]["prior"], np.float32(1e-12))
            prior_sum += prior
            weighted += prior * edges[first + k]["value_sum"] / visits
            total += visits
    value = n["raw_value"] + 0.0
    if total > 0:
        value = (value + total * weighted / prior_sum) / (1 + total)
    return value, most


@njit(cache=True)
def _choose_gumbel_inside(nodes, edges, node, c_visit, c_scale):
    """Edge slot below the root: the action whose share of visits lags most behind the improved policy
    softmax(log prior + sigma(completed q)) (Danihelka et al. 2022, section 5)."""
    n = nodes[node]
    first = n["first_edge"]
    mixed, most = _mixed_value(nodes, edges, node)
    scale = (c_visit + most) * c_scale
    top = -1e30
    for k in range(n["num_edges"]):
        edge = edges[first + k]
        q = edge["value_sum"] / edge["visits"] if edge["visits"] > 0 else mixed
        top = max(top, q)
    total = 0.0
    for k in range(n["num_edges"]):
        edge = edges[first + k]
        q = edge["value_sum"] / edge["visits"] if edge["visits"] > 0 else mixed
        total += edge["prior"] * math.exp(scale * (q - top))
    best = 0  # even if every score is NaN, so that a broken network cannot make us write elsewhere
    best_score = -np.inf
    for k in range(n["num_edges"]):
        edge = edges[first + k]
        q = edge["value_sum"] / edge["visits"] if edge["visits"] > 0 else mixed
        improved = edge["prior"] * math.exp(scale * (q - top)) / max(total, 1e-30)
        score = improved - edge["visits"] / float(n["visits"])  # 1 + visits of all edges
        if score > best_score:
            best_score = score
            best = k
    return best


@njit(cache=True)
def _choose_gumbel_root(nodes, edges, root, c_visit, c_scale, noise, halving, considered):
    """Edge slot at the root by sequential halving: among the actions that have been visited exactly as often as the
    table `halving` [m, simulation] says, the best of gumbel + log prior + sigma(q) (Danihelka et al. 2022, section 3).

    Proven losses are passed over, which can leave no action with the wanted count; then the least visited ones are
    considered, so that the search always goes on."""
    n = nodes[root]
    first = n["first_edge"]
    simulation = min(n["visits"] - 1, halving.shape[1] - 1)
    wanted = halving[min(considered, n["num_edges"]), simulation]
    least = 2147483647
    found = False
    most = 0
    for k in range(n["num_edges"]):
        edge = edges[first + k]
        most = max(most, edge["visits"])
        if edge["value_sum"] == LOST:
            continue
        least = min(least, edge["visits"])
        found = found or edge["visits"] == wanted
    if not found:
        wanted = least
    scale = (c_visit + most) * c_scale
    best = 0  # even if every score is NaN, so that a broken network cannot make us write elsewhere
    best_score = -1e30
    for k in range(n["num_edges"]):
        edge = edges[first + k]
        if edge["visits"] != wanted or edge["value_sum"] == LOST:
            continue
        score = noise[k] + math.log(max(edge["prior"], np.float32(1e-12)))
        if edge["visits"] > 0:
            score += scale * edge["value_sum"] / edge["visits"]
        if score > best_score:
            best_score = score
            best = k
    return best


@njit(cache=True)
def _back_up(nodes, edges, node, value, draw):
    """Changes the path from `node` to its root: one more visit, worth `value` for the player to move at `node`."""
    while True:
        n = nodes[node]
        n["visits"] += 1
        n["value_sum"] += value
        n["draw_sum"] += draw
        parent = n["parent"]
        if parent == NO_NODE:
            return
        value = n["reward"] + n["discount"] * value
        edge = edges[nodes[parent]["first_edge"] + n["slot"]]
        edge["visits"] += 1
        edge["value_sum"] += value
        node = parent


@njit(cache=True)
def _prove_upwards(nodes, edges, node):
    """Changes `proven` on the path above a proven `node`, as far as it settles the parents (Winands et al. 2008,
    MCTS-solver, with draws): one winning action proves a win, otherwise every action must be proven."""
    while nodes[node]["parent"] != NO_NODE:
        parent = nodes[node]["parent"]
        first = nodes[parent]["first_edge"]
        if _edge_result(nodes, node) == -1:
            edges[first + nodes[node]["slot"]]["value_sum"] = LOST
        if nodes[parent]["proven"] != UNKNOWN:
            return
        best = -1
        for k in range(nodes[parent]["num_edges"]):
            result = _edge_result(nodes, edges[first + k]["child"])
            if result == UNKNOWN:
                if best < 1:
                    best = UNKNOWN
            elif result == 1:
                best = 1
                break
            elif best != UNKNOWN:
                best = max(best, result)
        if best == UNKNOWN:
            return
        nodes[parent]["proven"] = best
        node = parent


@njit(cache=True)
def release(nodes, visits_in_flight, node, slot):
    """Changes `visits_in_flight`: the descents along the edges (node, slot) [M] are no longer on their way."""
    for i in range(len(node)):
        above, k = node[i], slot[i]
        while above != NO_NODE:
            visits_in_flight[nodes[above]["first_edge"] + k] -= 1
            k = nodes[above]["slot"]
            above = nodes[above]["parent"]


@njit(cache=True)
def select(
    nodes, edges, visits_in_flight, full, root_noise, noise_fraction, num_simulations, table, rows, max_nodes,
    policy, c_puct, fpu_reduction, c_uct, c_visit, c_scale, solve, halving, considered,
    edge_actions, parent, slot, action,
):  # fmt: skip
    """Descends once in each tree of `rows` [M]; writes parent [M] (global node), slot [M] (edge of it) and action [M].

    A descent that ends at a finished game or, with `solve`, at a proven node is backed up here and followed by
    another, so what comes out is an edge without a child, AT_ROOT or FINISHED. Changes the trees where it backs up.

    With `visits_in_flight`, which counts the descents on their way along each edge until their `release`, `rows` may
    repeat: each descent sees those before it, and is COLLIDED, the edge's slot in `action`, where it meets one that
    waits.
    """
    several = len(visits_in_flight) > 0
    for i in range(len(rows)):
        row = rows[i]
        root = row * max_nodes
        if nodes[root]["num_edges"] == 0 and nodes[root]["visits"] == 0:
            parent[i] = root
            slot[i] = AT_ROOT
            continue
        slot[i] = FINISHED
        while slot[i] == FINISHED:
            started = nodes[root]["visits"] + (_through(nodes, visits_in_flight, root) if several else 0)
            if full[row] or started > num_simulations[row]:
                break
            if solve and nodes[root]["proven"] != UNKNOWN:
                break
            node = root
            fraction = noise_fraction[row]
            while True:
                if policy == GUMBEL and node == root:
                    k = _choose_gumbel_root(
                        nodes, edges, root, c_visit, c_scale, root_noise[row], halving[table[row]], considered
                    )
                elif policy == GUMBEL:
                    k = _choose_gumbel_inside(nodes, edges, node, c_visit, c_scale)
                elif policy == UCT:
                    k = _choose_uct(nodes, edges, visits_in_flight, node, node - root, c_uct)
                elif not several:
                    k = _choose_puct(nodes, edges, node, c_puct, fpu_reduction, root_noise[row], fraction)
                else:
                    noise = root_noise[row]
                    k = _choose_puct_among(nodes, edges, visits_in_flight, node, c_puct, fpu_reduction, noise, fraction)
                fraction = np.float32(0.0)
                edge = nodes[node]["first_edge"] + k
                child = edges[edge]["child"]
                parent[i] = node
                slot[i] = k
                if several:
                    visits_in_flight[edge] += 1
                    if visits_in_flight[edge] > 1 if child == NO_NODE else nodes[child]["visits"] == 0:
                        slot[i] = COLLIDED
                        action[i] = k
                        break
                if child == NO_NODE:
                    action[i] = edge_actions[edge]
                    break
                node = child
                if nodes[node]["discount"] == 0.0 or (solve and nodes[node]["proven"] != UNKNOWN):
                    value, draw = _known(nodes, node)
                    _back_up(nodes, edges, node, value, draw)
                    if several:
                        release(nodes, visits_in_flight, parent[i : i + 1], slot[i : i + 1])
                    slot[i] = FINISHED
                    break


@njit(cache=True)
def _known(nodes, node):
    """(value, draw) of a finished or proven node, for the player to move there."""
    n = nodes[node]
    if n["discount"] == 0.0:
        return 0.0, 1.0 if n["reward"] == 0.0 else 0.0
    return float(n["proven"]), 1.0 if n["proven"] == 0 else 0.0


@njit(cache=True)
def attach(nodes, edges, num_nodes, full, rows, max_nodes, parent, slot, reward, discount, solve, node):
    """Changes the trees: a child for edge (parent, slot) of each of the M rows; writes its global index to node [M].

    A child that ends the game is backed up at once (and proves what it proves, with `solve`); the others wait for
    `expand`. Where there is no room, full[row] is set and node is NO_NODE.
    """
    for i in range(len(rows)):
        row = rows[i]
        if num_nodes[row] >= max_nodes:
            full[row] = True
            node[i] = NO_NODE
            continue
        new = row * max_nodes + num_nodes[row]
        num_nodes[row] += 1
        _clear(nodes, new, parent[i], slot[i], reward[i], discount[i])
        edge = edges[nodes[parent[i]]["first_edge"] + slot[i]]
        edge["child"] = new
        nodes[parent[i]]["visited_prior"] += edge["prior"]
        node[i] = new
        if discount[i] == 0.0:
            known = abs(reward[i]) == 1.0 or reward[i] == 0.0  # a reward in between is no win, draw or loss
            nodes[new]["proven"] = 0 if known else UNKNOWN  # all it is worth is its reward
            value, draw = _known(nodes, new)
            _back_up(nodes, edges, new, value, draw)
            if solve and known:
                _prove_upwards(nodes, edges, new)


@njit(cache=True)
def settle(nodes, edges, node, values):
    """Changes the trees: each new node [M] is proven to be worth values [M], for its player to move, and backed up."""
    for i in range(len(node)):
        nodes[node[i]]["proven"] = values[i]
        value, draw = _known(nodes, node[i])
        _back_up(nodes, edges, node[i], value, draw)
        _prove_upwards(nodes, edges, node[i])


@njit(cache=True)
def expand(nodes, edges, edge_actions, num_edges, full, rows, max_edges, node, actions, count, prior, wdl):
    """Changes the trees: gives each waiting node [M] its edges (actions, prior [M, K], count [M]) and backs up its
    evaluation wdl [M, 3] (win, draw, loss for the player to move)."""
    for i in range(len(rows)):
        row = rows[i]
        value = wdl[i, 0] - wdl[i, 2]
        n = nodes[node[i]]
        n["raw_value"] = value
        if num_edges[row] + count[i] > max_edges:
            full[row] = True
        else:
            first = row * max_edges + num_edges[row]
            num_edges[row] += count[i]
            n["first_edge"] = first
            n["num_edges"] = count[i]
            for k in range(count[i]):
                edges[first + k]["prior"] = prior[i, k]
                edges[first + k]["value_sum"] = 0.0
                edges[first + k]["visits"] = 0
                edges[first + k]["child"] = NO_NODE
                edge_actions[first + k] = actions[i, k]
        _back_up(nodes, edges, node[i], value, wdl[i, 1])


@njit(cache=True)
def reroot(
    nodes, edges, edge_actions, num_nodes, num_edges, full, rows, max_nodes, max_edges, actions, moved, places, kept
):  # fmt: skip
    """Changes each tree of `rows` [M]: the subtree below its action [M] becomes the tree. Writes how many nodes stay to
    kept [M] and where they came from to places [M, nodes in use]; kept is 0, and nothing changes, where there is none.

    A full tree is not kept: one of its nodes was evaluated, but has no edges to descend along."""
    for i in range(len(rows)):
        if full[rows[i]]:
            kept[i] = 0
            continue
        kept[i] = _reroot(
            nodes, edges, edge_actions, num_nodes, num_edges, rows[i], max_nodes, max_edges,
            actions[i], moved, places[i],
        )  # fmt: skip


@njit(cache=True)
def _reroot(nodes, edges, edge_actions, num_nodes, num_edges, row, max_nodes, max_edges, action, moved, kept):
    """Changes tree `row`: the subtree below `action` becomes the tree, compacted in place. Returns its number of nodes,
    or 0, changing nothing, when that subtree is not there or not expanded.

    kept [nodes in use]: local index, before the move, of each node that stays. moved [max_nodes] is scratch. Nodes and
    edges are numbered in order of creation, so one ascending pass only ever writes behind what it still reads."""
    base = row * max_nodes
    start = NO_NODE
    for k in range(nodes[base]["num_edges"]):
        if edge_actions[nodes[base]["first_edge"] + k] == action:
            start = edges[nodes[base]["first_edge"] + k]["child"]
    if start == NO_NODE or nodes[start]["num_edges"] == 0:
        return 0
    count = 0
    free_edge = row * max_edges
    for local in range(start - base, num_nodes[row]):
        old = base + local
        parent = nodes[old]["parent"]
        if old == start:
            parent = NO_NODE
        elif parent < start or moved[parent - base] == NO_NODE:
            moved[local] = NO_NODE
            continue
        else:
            parent = base + moved[parent - base]
        new = base + count
        moved[local] = count
        kept[count] = local
        count += 1
        first = nodes[old]["first_edge"]
        nodes[new] = nodes[old]
        nodes[new]["parent"] = parent
        nodes[new]["first_edge"] = free_edge
        for k in range(nodes[new]["num_edges"]):
            edges[free_edge + k] = edges[first + k]
            edge_actions[free_edge + k] = edge_actions[first + k]
        free_edge += nodes[new]["num_edges"]
        if parent != NO_NODE:
            edges[nodes[parent]["first_edge"] + nodes[new]["slot"]]["child"] = new
    num_nodes[row] = count
    num_edges[row] = free_edge - row * max_edges
    return count


@njit(cache=True)
def read_roots(
    nodes, edges, edge_actions, rows, max_nodes, actions, prior, visits, value_sum, result, mixed, value, wdl
):
    """Writes what the search found at the root of each of the M rows.

    By edge, [M, K], padded with -1 / 0: actions, prior, visits, value_sum, result (proven value or UNKNOWN).
    By root, [M]: mixed (see _mixed_value), value (mean over actions not proven lost, or the proven value), wdl [M, 3].
    """
    for i in range(len(rows)):
        root = rows[i] * max_nodes
        n = nodes[root]
        first = n["first_edge"]
        total = n["raw_value"] + 0.0
        weight = 1
        for k in range(actions.shape[1]):
            actions[i, k] = -1
            prior[i, k] = 0.0
            visits[i, k] = 0
            value_sum[i, k] = 0.0
            result[i, k] = UNKNOWN
            if k >= n["num_edges"]:
                continue
            edge = edges[first + k]
            actions[i, k] = edge_actions[first + k]
            prior[i, k] = edge["prior"]
            visits[i, k] = edge["visits"]
            value_sum[i, k] = edge["value_sum"]
            result[i, k] = _edge_result(nodes, edge["child"])
            if edge["value_sum"] == LOST:
                value_sum[i, k] = -edge["visits"]
            else:
                total += edge["value_sum"]
                weight += edge["visits"]
        mixed[i] = _mixed_value(nodes, edges, root)[0]
        value[i] = total / weight
        draw = n["draw_sum"] / max(n["visits"], 1)
        if n["proven"] != UNKNOWN:
            value[i] = n["proven"]
            draw = 1.0 if n["proven"] == 0 else 0.0
        draw = min(max(draw, 0.0), 1.0 - abs(value[i]))
        wdl[i, 0] = (1.0 - draw + value[i]) / 2.0
        wdl[i, 1] = draw
        wdl[i, 2] = (1.0 - draw - value[i]) / 2.0


@njit(cache=True)
def depth(nodes, num_nodes, row, max_nodes, plies):
    """Actions on the longest path of tree `row`. plies [max_nodes] is scratch."""
    root, most = row * max_nodes, 0
    plies[0] = 0
    for local in range(1, num_nodes[row]):
        plies[local] = plies[nodes[root + local]["parent"] - root] + 1
        most = max(most, plies[local])
    return most
