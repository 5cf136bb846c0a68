"""deploy/systemd: the units as systemd reads them; skipped without systemd-analyze."""

import getpass
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from api.process.drain import DRAIN_SECONDS
from api.process.settings import strangers

UNITS = sorted(Path("deploy/systemd").glob("*.service"))
PROGRAM = "/opt/folio/bin/folio"


def complaints(text: str, name: str, folder: Path) -> str:
    """Return the output of systemd-analyze about a unit, with a program that this machine has."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is missing: apt install systemd")
    name = name.replace("@.", "@8001.")
    unit = folder / name
    unit.write_text(text.replace(PROGRAM, sys.executable).replace("User=folio", f"User={getpass.getuser()}"))
    command = ["systemd-analyze", "verify", "--man=no", "--generators=no", "--recursive-errors=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "\n".join(line for line in done.stderr.splitlines() if name in line)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_finds_no_fault(unit: Path, tmp_path: Path) -> None:
    """Every section, key and value is known."""
    assert complaints(unit.read_text(), unit.name, tmp_path) == ""


def test_a_wrong_key_is_found(tmp_path: Path) -> None:
    """A misspelled key is named (negative control)."""
    text = UNITS[-1].read_text().replace("TimeoutStopSec", "TimeoutStop")
    assert "TimeoutStop" in complaints(text, UNITS[-1].name, tmp_path)


def test_the_units_agree_with_the_service() -> None:
    """Every setting is known, and a process is not killed before every request is answered."""
    for unit in UNITS:
        assignments = " ".join(re.findall(r"^Environment=(.*)$", unit.read_text(), re.MULTILINE))
        names = re.findall(r"(\w+)=", assignments)
        assert names
        assert strangers(names) == []
    [timeout] = re.findall(r"^TimeoutStopSec=(\d+)$", Path("deploy/systemd/folio@.service").read_text(), re.MULTILINE)
    assert int(timeout) >= DRAIN_SECONDS + 5
