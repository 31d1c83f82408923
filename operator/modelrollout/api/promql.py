"""A first look at PromQL. Prometheus has the last word, but only once there is something to judge."""

_PAIRS = {")": "(", "]": "[", "}": "{"}


def unbalanced(expression: str) -> str:
    """What is left open or closed too often in a PromQL expression, for a person; empty if nothing is."""
    opened: list[str] = []
    rest = iter(expression)
    for character in rest:
        if character in _PAIRS.values():
            opened.append(character)
        elif character in _PAIRS:
            if not opened or opened.pop() != _PAIRS[character]:
                return f"a {character} closes nothing"
        elif character in "\"'`":
            for inner in rest:
                if inner == character:
                    break
                if inner == "\\" and character != "`":
                    next(rest, None)
            else:
                return f"a {character} is never closed"
        elif character == "#":
            for inner in rest:
                if inner == "\n":
                    break
    return f"a {opened[-1]} is never closed" if opened else ""
