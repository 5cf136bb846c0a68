"""Every statement file planned and run on databases as large as years would make them; `make plans`.

Out of the ordinary suite, since it takes minutes and gigabytes. What is judged, and on what, stands in docs/plans.md.
"""
