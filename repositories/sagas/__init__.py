"""Work in several commits over both databases; any process can finish it.

- `purchases`  hold, reserve, decide, confirm; refunds
- `leaving`    a user's products go off sale after the user left
"""
