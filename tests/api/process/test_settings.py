"""The settings and what the README says of them."""

import re

from api.process.settings import PoolSettings, Settings
from tests.harness import REPOSITORY

README = REPOSITORY / "README.md"
_ROW = re.compile(r"^\| ((?:`[A-Z_]+`(?:, )?)+) \| ([^|]*)\|", re.MULTILINE)


def test_the_readme_lists_every_setting_with_its_default() -> None:
    """And none that there is not: `a`, `b` in one row have their defaults in the same order."""
    listed: dict[str, str] = {}
    for names, defaults in _ROW.findall(README.read_text()):
        found = re.findall(r"`([A-Z_]+)`", names)
        listed |= dict(zip(found, defaults.split(", ") if len(found) > 1 else [defaults], strict=True))
    fields = {name.upper(): field for name, field in Settings.model_fields.items()}
    fields |= {f"POOL_{name.upper()}": field for name, field in PoolSettings.model_fields.items()}
    assert listed.keys() == fields.keys()
    for name, field in fields.items():
        said = listed[name].replace("`", "").partition(" ")[0]
        if field.default in {None, ""}:
            assert said in {"", "none"}, name
        elif isinstance(field.default, bool):
            assert said == str(field.default).lower(), name
        elif isinstance(field.default, int | float):
            assert float(said) == field.default, name
        else:
            assert said == str(field.default), name
