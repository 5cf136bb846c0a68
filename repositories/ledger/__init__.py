"""The rules of money inside one transaction.

- `transfers`  orders: judged, written, batched, reversed
- `holds`      holds: made, captured, released, expired
"""
