"""Metadata: strings by name that the writer of a transfer, hold or purchase keeps with it."""

import json
from collections.abc import Mapping

Metadata = Mapping[str, str]

MAX_BYTES = 4096
"""Most bytes of metadata in the form that the database keeps, in UTF-8."""


def as_json(metadata: Metadata | None) -> str | None:
    """Return metadata in the form that the database keeps: compact JSON, in the order of its members."""
    return None if metadata is None else json.dumps(metadata, ensure_ascii=False, separators=(",", ":"))
