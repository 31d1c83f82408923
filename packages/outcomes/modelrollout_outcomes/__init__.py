"""The truth about predictions: a service that joins what models predicted with what turned out, and counts it.

`records` is what it is told; `scoring`, `settling` and `counting` are its rules, without I/O; `storage` keeps and
`service` serves them. `OutcomesClient` talks to it from Python.
"""
