"""Helpers that tests of several rooms share: servers, processes, a lossy proxy, people with money, and expectations."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
"""The root of the repository."""
