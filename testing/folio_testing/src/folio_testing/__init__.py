"""A running Folio for your tests.

- `plugin`   the fixtures `folio` and `folio_faults`
- `service`  a Folio with empty databases, its users and their accounts
- `faults`   a Folio whose answers, COMMITs and catalog fail on request
- `proxy`    a TCP proxy that loses answers, stalls and refuses
"""

from folio_testing.faults import Faults
from folio_testing.service import Folio, User

__all__ = ["Faults", "Folio", "User"]
