"""Pure rollout decisions: the state of a rollout, its gates, ramp, promotion, rollback and quarantine.

Nothing here does I/O or reads a clock. `decide.decide` takes what was observed and the time, and returns a `Plan`.
"""
