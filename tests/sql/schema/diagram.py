"""The diagram of both databases: tables, columns and references, read from a server and drawn by Graphviz.

A reference within a database is a foreign key. A reference to the other database is the column's comment, such as
"users.id in the main database".
"""

import re
import subprocess
from collections.abc import Mapping
from html import escape

import psycopg
from psycopg.rows import TupleRow

from repositories.postgres.statements import ROOT

PICTURE = ROOT / "schema.svg"
OTHER_DATABASE = re.compile(r"(?P<table>\w+)\.(?P<column>\w+) in the (?P<database>main|catalog)")
COLUMNS = """
    SELECT relname, attname, format_type(atttypid, NULL), NOT attnotnull, coalesce(attnum = ANY(conkey), FALSE),
        coalesce(col_description(pg_class.oid, attnum), '')
    FROM pg_class
    JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
    LEFT JOIN pg_constraint ON conrelid = pg_class.oid AND contype = 'p'
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname <> 'schema_migrations'
    ORDER BY relname, attnum
"""
REFERENCES = """
    SELECT near.relname, mine.attname, far.relname, theirs.attname
    FROM pg_constraint
    JOIN pg_class AS near ON near.oid = conrelid
    JOIN pg_class AS far ON far.oid = confrelid
    JOIN pg_attribute AS mine ON mine.attrelid = conrelid AND mine.attnum = conkey[1]
    JOIN pg_attribute AS theirs ON theirs.attrelid = confrelid AND theirs.attnum = confkey[1]
    WHERE contype = 'f'
    ORDER BY 1, 2
"""
# Tables have a background, and lines are grey, so that the diagram is readable on white and on black.
GRAPH = """digraph folio {
graph [rankdir=LR, bgcolor=transparent, fontname="Helvetica", fontsize=16, nodesep=0.3, ranksep=0.9, pad=0.2];
node [shape=plain, fontname="Helvetica", fontsize=11];
edge [color="#7a8794", arrowsize=0.7];
"""
TITLE_COLORS = {"main": "#1f5f8b", "catalog": "#7a4b12"}


def source(conninfos: Mapping[str, str]) -> str:
    """Return the diagram in Graphviz's language."""
    parts, lines = [], []
    for database, conninfo in conninfos.items():
        with psycopg.connect(conninfo) as connection:
            columns = connection.execute(COLUMNS).fetchall()
            keys = connection.execute(REFERENCES).fetchall()
        parts.append(_cluster(database, columns))
        lines += [_line(database, near, mine, database, far, theirs) for near, mine, far, theirs in keys]
        for table, column, *_, comment in columns:
            if match := OTHER_DATABASE.match(comment):
                far = (match["database"], match["table"], match["column"])
                lines.append(_line(database, table, column, *far, "[style=dotted, penwidth=2]"))
    return GRAPH + "\n".join([*parts, *lines]) + "\n}\n"


def draw(dot: str) -> str:
    """Return the diagram as SVG with its source in a comment. Needs the program dot."""
    svg = subprocess.run(["dot", "-Tsvg"], input=dot, stdout=subprocess.PIPE, text=True, check=True).stdout
    start = svg.index("<svg")
    return svg[:start] + f"<!-- `make diagram` drew this from:\n{dot}-->\n" + svg[start:]


def drawn_from(picture: str) -> str:
    """Return the source in an SVG's comment."""
    return picture.partition("`make diagram` drew this from:\n")[2].partition("-->\n<svg")[0]


def _line(near: str, table: str, column: str, far: str, far_table: str, key: str, style: str = "") -> str:
    return f"{near}_{table}:{column}_type:e -> {far}_{far_table}:{key}:w {style};"


def _cluster(database: str, columns: list[TupleRow]) -> str:
    tables: dict[str, list[TupleRow]] = {}
    for row in columns:
        tables.setdefault(row[0], []).append(row)
    nodes = "\n".join(_table(database, table, rows) for table, rows in tables.items())
    style = 'style="rounded,filled", color="#7a8794", fillcolor="#e8edf2", fontcolor="#1b2733", margin=16'
    return f'subgraph cluster_{database} {{\ngraph [label="{database}", {style}];\n{nodes}\n}}'


def _table(database: str, table: str, rows: list[TupleRow]) -> str:
    lines = "".join(_row(*row[1:5]) for row in rows)
    title = (
        f'<TR><TD COLSPAN="2" BGCOLOR="{TITLE_COLORS[database]}"><FONT COLOR="white"><B>{table}</B></FONT></TD></TR>'
    )
    card = '<TABLE BORDER="1" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3" COLOR="#7a8794" BGCOLOR="white">'
    return f"{database}_{table} [label=<{card}{title}{lines}</TABLE>>];"


def _row(column: str, kind: str, nullable: bool, key: bool) -> str:
    name = f"<B><U>{column}</U></B>" if key else column
    kind = escape(kind.replace("timestamp with time zone", "timestamptz")) + ("?" if nullable else "")
    cell = f'<TD ALIGN="LEFT" PORT="{column}"><FONT COLOR="#1b2733">{name}</FONT></TD>'
    return f'<TR>{cell}<TD ALIGN="LEFT" PORT="{column}_type"><FONT COLOR="#5b6875">{kind}</FONT></TD></TR>'
