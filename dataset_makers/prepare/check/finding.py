"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Finding:
    """What a folder is.

    Attributes:
        what: in a few words.
        holds: what is in it, a line each.
        wrong: what stops something, or makes it worse, a line each.
        runs: commands that can be run on it.
    """

    what: str
    holds: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [self.what, *(f"  {line}" for line in self.holds)]
        lines += [f"wrong: {line}" for line in self.wrong] or ["nothing is wrong with it"]
        lines += [f"runs: {command}" for command in self.runs] or ["nothing can be run on it as it is"]
        return "\n".join(lines)
