"""The settings, their bounds, and their table in the README."""

import re

import pytest
from pydantic import ValidationError

from api.process.settings import MALFORMED, PoolSettings, Settings, complaints, place
from repositories.purchases import LEASE_SECONDS
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


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://folio:p@ss/w0rd@db/main",
        "postgresql://folio:w0rd@ss@db/main",
        "postgresql://folio:w0rd/x@db/main",
        "postgresql://folio:1/w0rd@db/main",
        "postgresql://folio:w0rd%@db/main",
        "postgres://folio:w0rd:x/@db/main",
        "folio:w0rd@db/main",
        "host=db password=ss w0rd dbname=main",
    ],
)
def test_a_malformed_url_is_refused_without_any_part_of_it(url: str) -> None:
    """A part of a password could be taken for a host, a port, a database or an option."""
    with pytest.raises(ValidationError) as caught:
        Settings(main_database_url=url, catalog_database_url="postgresql://db/catalog")
    [message] = complaints(caught.value)
    assert message == f"FOLIO_MAIN_DATABASE_URL: {MALFORMED}"


def test_an_escaped_password_is_well_formed() -> None:
    """@ as %40, / as %2F; an @ in an option is no password's (negative control of the test above)."""
    assert place("postgresql://folio:p%40ss%2Fw0rd@db/main") == "folio@db:5432/main"
    assert place("postgresql://folio@/main?host=/run/a@b") == "folio@/run/a@b:5432/main"
    assert place("postgresql://folio@[::1]:5433/main") == "folio@[::1]:5433/main"


@pytest.mark.parametrize(
    ("main", "catalog"),
    [
        ("postgresql://a:b@db/folio", "postgresql://a:b@db/folio"),
        ("postgresql://a:b@db:5432/folio", "host=db dbname=folio user=c"),
        ("postgresql://folio@db", "postgresql://a@db/folio"),
    ],
)
def test_both_urls_must_name_two_databases(main: str, catalog: str) -> None:
    """The same host, port and database, for any user."""
    with pytest.raises(ValidationError, match="name one database"):
        Settings(main_database_url=main, catalog_database_url=catalog)


@pytest.mark.parametrize(
    ("proxies", "reason"),
    [
        ("127.0.0.1/8", "host bits set: the network is 127.0.0.0/8"),
        ("10.0.0.0/33", "neither an address nor a network"),
        ("*", "neither an address nor a network"),
        ("10.0.0.1, proxy.example", "proxy.example is neither"),
        ("0.0.0.0/0", "0.0.0.0/0 trusts every client"),
        ("10.0.0.0/8, ::/0", "::/0 trusts every client"),
        ("::ffff:0:0/96", "trusts every client"),
    ],
)
def test_trusted_proxies_are_addresses_or_networks(proxies: str, reason: str) -> None:
    """Anything else would match no proxy, so that all clients share the proxy's limits, or match every client."""
    with pytest.raises(ValidationError, match=reason):
        Settings(trusted_proxies=proxies)
    assert Settings(trusted_proxies="127.0.0.1, 10.0.0.0/8, ::1, 2001:db8::/32").trusted_proxies


def test_a_request_ends_before_the_lease_of_its_purchase() -> None:
    """The job would finish a purchase whose request still works on it."""
    with pytest.raises(ValidationError, match="less than or equal to 14"):
        Settings(request_timeout=LEASE_SECONDS)
    Settings(request_timeout=LEASE_SECONDS - 1)
