"""Products and purchases: two databases, no transaction over both, and nothing lost between them."""
