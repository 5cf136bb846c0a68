"""The nodes of a plan by EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON): shape, buffers and sequential scans."""

from collections.abc import Collection, Iterator
from typing import Any

Node = dict[str, Any]
CACHING_NODES = {"Materialize", "Memoize"}


def nodes(plan: Node) -> Iterator[Node]:
    """Yield the nodes of a plan from the top."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def shape(plan: Node) -> str:
    """Return a plan in one line: each node with its table or index, and its child nodes in parentheses.

    Nodes that only cache rows are left out, because they come and go with the last digit of an estimate.
    """
    children = ", ".join(map(shape, plan.get("Plans", ())))
    if plan["Node Type"] in CACHING_NODES:
        return children
    name = plan.get("Subplan Name", "")
    name = f"{name.removeprefix('CTE ')}: " if name.startswith("CTE ") else ""
    return f"{name}{_title(plan)}({children})" if children else f"{name}{_title(plan)}"


def buffers(plan: Node) -> int:
    """Return the number of shared buffers that a statement read, hits included.

    A node's count includes its child nodes. A writing CTE that no executed node reads runs after the top node, whose
    count does not include it.
    """
    cte_names = {node.get("CTE Name") for node in nodes(plan) if node["Actual Loops"]}
    unread_ctes = [
        node
        for node in nodes(plan)
        if node["Node Type"] == "ModifyTable"
        and node.get("Parent Relationship") == "InitPlan"
        and node["Subplan Name"].removeprefix("CTE ") not in cte_names
    ]
    return sum(node["Shared Hit Blocks"] + node["Shared Read Blocks"] for node in [plan, *unread_ctes])


def sequential_scans(plan: Node, large: Collection[str]) -> list[str]:
    """Return the large tables that a plan has a sequential scan of, even if that scan was not executed."""
    tables = {node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"}
    return sorted(tables & set(large))


def _title(node: Node) -> str:
    if node["Node Type"] == "ModifyTable":
        return f"{node['Operation']} {node['Relation Name']}"
    kind = node["Node Type"]
    if node.get("Scan Direction") == "Backward":
        kind += " Backward"
    if node.get("Parallel Aware"):
        kind = f"Parallel {kind}"
    target = node.get("Index Name") or node.get("Relation Name") or node.get("CTE Name") or ""
    return f"{kind} {target}".rstrip()
