"""What was wrong with the rows, files and items of a source: counted, with examples."""

from __future__ import annotations

N_EXAMPLES = 3
EXAMPLE_LENGTH = 120  # characters of an example that are kept


class Faults:
    """Counts by kind of fault, and the first examples of each."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._examples: dict[str, list[str]] = {}

    def add(self, kind: str, example: object, count: int = 1) -> None:
        """Count a fault; the first few examples are kept, cut to a line's length."""
        self._counts[kind] = self._counts.get(kind, 0) + count
        examples = self._examples.setdefault(kind, [])
        if len(examples) < N_EXAMPLES:
            text = " ".join(str(example).split())
            examples.append(text if len(text) <= EXAMPLE_LENGTH else text[: EXAMPLE_LENGTH - 1] + "…")

    def count(self, kind: str) -> int:
        """How many faults of a kind there were."""
        return self._counts.get(kind, 0)

    def listed(self) -> str:
        """All of them in one text, `: 12 × kind, such as example; 3 × …`; empty where there are none."""
        kinds = (f"{n:,} × {kind}, such as {self._examples[kind][0]}" for kind, n in self._counts.items())
        return ": " + "; ".join(kinds) if self._counts else ""

    @property
    def total(self) -> int:
        """How many faults of all kinds there were."""
        return sum(self._counts.values())

    def as_json(self) -> dict[str, dict[str, object]]:
        """`{kind: {"count": n, "examples": [...]}}`, in order of first appearance."""
        return {kind: {"count": n, "examples": self._examples[kind]} for kind, n in self._counts.items()}
