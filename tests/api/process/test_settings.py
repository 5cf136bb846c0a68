"""The settings and their table in the README."""

import re

from api.process.settings import PoolSettings, Settings
from tests.harness import REPOSITORY

README = REPOSITORY / "README.md"
_ROW = re.compile(r"^\| ((?:`[A-Z_]+`(?:, )?)+) \| ([^|]*)\|", re.MULTILINE)


def test_the_readme_lists_every_setting_with_its_default() -> None:
    """The README lists no other setting. A row with two settings has both defaults, in the same order."""
    listed: dict[str, str] = {}
    for names, defaults in _ROW.findall(README.read_text()):
        settings = re.findall(r"`([A-Z_]+)`", names)
        listed |= dict(zip(settings, defaults.split(", ") if len(settings) > 1 else [defaults], strict=True))
    fields = {name.upper(): field for name, field in Settings.model_fields.items()}
    fields |= {f"POOL_{name.upper()}": field for name, field in PoolSettings.model_fields.items()}
    assert listed.keys() == fields.keys()
    for name, field in fields.items():
        default = listed[name].replace("`", "").partition(" ")[0]
        if field.default in {None, ""}:
            assert default in {"", "none"}, name
        elif isinstance(field.default, bool):
            assert default == str(field.default).lower(), name
        elif isinstance(field.default, int | float):
            assert float(default) == field.default, name
        else:
            assert default == str(field.default), name
