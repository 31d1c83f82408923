"""Names that the operator and what works with it agree on: of labels, annotations, headers and metrics.

Standard library only, no behaviour: whoever follows a rollout from outside can depend on this without the operator.
"""
