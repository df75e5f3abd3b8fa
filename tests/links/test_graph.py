"""The graph for NetworkX holds what the view sees, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import networkx as nx
import pytest

from commonplace import InvalidInputError, Memory
from commonplace.graph import to_networkx

tools: Any = nx  # its own types are partial


@pytest.fixture
def filled(memory: Memory) -> Memory:
    for name, scope in (("a", "x"), ("b", "x/deep"), ("c", "y"), ("d", "x")):
        memory.add(f"text {name}", id=name, scope=scope, metadata={"letter": name}, tags=["t"])
    memory.update("d", valid_to=datetime(2020, 1, 1, tzinfo=UTC))
    memory.link("a", "b", "causes", weight=0.5, reason="r", metadata={"n": 1})
    memory.link("a", "b", "about", weight=0.25)
    memory.link("b", "c")
    memory.link("c", "d")
    return memory


def test_nodes_and_edges_carry_what_records_and_links_hold(filled: Memory) -> None:
    graph = to_networkx(filled)
    assert sorted(graph) == ["a", "b", "c", "d"]
    record = filled.get("b")
    assert record is not None
    assert {"id": "b", **graph.nodes["b"]} == record.to_dict()
    assert sorted(graph.edges(keys=True)) == [
        *(("a", "b", "about"), ("a", "b", "causes")),
        *(("b", "c", "related"), ("c", "d", "related")),
    ]
    link = filled.links("a", type="causes")[0]
    edge = graph.edges["a", "b", "causes"]
    assert {"source_id": "a", "target_id": "b", **edge} == link.to_dict()
    assert json.loads(json.dumps(tools.node_link_data(graph, edges="edges")))["nodes"]
    assert tools.shortest_path(graph, "a", "d") == ["a", "b", "c", "d"]


def test_scope_types_and_filter_narrow(filled: Memory) -> None:
    assert sorted(to_networkx(filled, scope="x").edges(keys=True)) == [
        ("a", "b", "about"),
        ("a", "b", "causes"),
    ]
    typed = to_networkx(filled, types=["related"])
    assert sorted(typed.edges(keys=True)) == [("b", "c", "related"), ("c", "d", "related")]
    assert len(typed) == 4
    filtered = to_networkx(filled, filter={"letter": {"$in": ["a", "c"]}})
    assert sorted(filtered) == ["a", "c"]
    assert not filtered.edges
    with pytest.raises(InvalidInputError):
        to_networkx(filled, types="No Word")


def test_a_view_has_its_own_graph(filled: Memory) -> None:
    assert sorted(to_networkx(filled.scope("y"))) == ["c"]
    view = filled.view(read=["x/deep", "y"])
    assert sorted(to_networkx(view).edges(keys=True)) == [("b", "c", "related")]


def test_more_than_a_page_is_read(memory: Memory) -> None:
    memory.add_many({"id": f"r{n:04}", "embed": False} for n in range(2_100))
    memory.link("r0000", "r2099")
    memory.link("r2099", "r1000")
    graph = to_networkx(memory)
    assert len(graph) == 2_100
    assert sorted(graph.edges()) == [("r0000", "r2099"), ("r2099", "r1000")]


def test_without_networkx_the_error_names_the_extra() -> None:
    program = "import sys; sys.modules['networkx'] = None; import commonplace.graph"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "pip install networkx" in done.stderr
