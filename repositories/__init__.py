"""All that talks to PostgreSQL: pools, statements, units of work, one repository per noun. It knows nothing of HTTP."""
