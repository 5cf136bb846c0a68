"""`make plans`: every statement file is planned and run on databases as large as after years of use.

Not part of `make test`, because it takes minutes and gigabytes. docs/plans.md has the criteria and the results.
"""
