"""Gates: what a challenger must show before it is promoted, and what has it rolled back. One file for each kind."""

from modelrollout.api.gates.gate import Gate, GateKind

__all__ = ["Gate", "GateKind"]
