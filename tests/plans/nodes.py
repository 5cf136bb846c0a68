"""What EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) tells: a plan's shape, its buffers, the tables that it reads whole."""

from collections.abc import Collection, Iterator
from typing import Any

Node = dict[str, Any]
KEEPING = {"Materialize", "Memoize"}


def nodes(plan: Node) -> Iterator[Node]:
    """Go through a plan from the top."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def shape(plan: Node) -> str:
    """Return a plan in one line: its nodes, what each reads, and in parentheses the nodes that it reads from.

    Without nodes that only keep rows between others: they come and go with the last digit of an estimate.
    """
    children = ", ".join(map(shape, plan.get("Plans", ())))
    if plan["Node Type"] in KEEPING:
        return children
    name = plan.get("Subplan Name", "")
    name = f"{name.removeprefix('CTE ')}: " if name.startswith("CTE ") else ""
    return f"{name}{_title(plan)}({children})" if children else f"{name}{_title(plan)}"


def buffers(plan: Node) -> int:
    """Return how many shared buffers a statement read, found in memory or not.

    A node counts what those below it read. A writing CTE that nobody came to read runs after the top node, which
    does not count it.
    """
    read = {node.get("CTE Name") for node in nodes(plan) if node["Actual Loops"]}
    unread = [
        node
        for node in nodes(plan)
        if node["Node Type"] == "ModifyTable"
        and node.get("Parent Relationship") == "InitPlan"
        and node["Subplan Name"].removeprefix("CTE ") not in read
    ]
    return sum(node["Shared Hit Blocks"] + node["Shared Read Blocks"] for node in [plan, *unread])


def read_whole(plan: Node, large: Collection[str]) -> list[str]:
    """Return which of the large tables a plan has a sequential scan of, whether or not it came to that."""
    found = {node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"}
    return sorted(found & set(large))


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
