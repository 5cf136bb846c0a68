"""The rules of money inside one transaction. Each function is one unit of work on the caller's connection.

- `accounts`   accounts: locked, changed, judged as payees
- `keys`       Idempotency-Keys: looked for under the locks, stored with the effect, replayed
- `orders`     orders of money: judged over locked accounts, counted, written
- `transfers`  transfers: one, a batch, a reversal
- `payments`   single transfers, gathered if they would have to wait for a connection
- `imports`    transfers of another system, in batches
- `holds`      holds: placed, captured, released, expired
- `purchases`  purchases: begun with their money held, decided, refunded

`accounts` and `keys` are the ground floor, `orders` stands on them, the others on all three, `payments` on
`transfers`, `imports` on top.
"""
