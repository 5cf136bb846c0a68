"""Work in several commits over both databases. No connection of one is held while a saga waits for the other.

- `purchases`  a purchase: money held, stock reserved, decided, confirmed; any process finishes what another began
- `products`   a product: its key and its payee account are checked in main, then the catalog stores it
- `leaving`    a user leaves in main; then their products go off sale, at once or by a job
"""
