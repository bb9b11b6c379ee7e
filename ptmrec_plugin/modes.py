"""What the modes of PTMRec are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mode:
    """Which stages run and what the second one does.

    Attributes:
        meaning: the same in words, for a table with rows of several modes.
    """

    meaning: str
    stage1: bool = True
    stage2: bool = True
    peft: bool = True
    transfer: bool = True
    from_scratch: bool = False


MODES = {
    "two_stage": Mode("stage 1 on frozen features; stage 2 tunes the encoder, guided by teachers"),
    "frozen": Mode("stage 1 alone, on frozen features", stage2=False, peft=False, transfer=False),
    "frozen_continued": Mode(
        "stage 2 tunes nothing and has no teachers: what more training does", peft=False, transfer=False
    ),
    "frozen_kt": Mode("the same stages and teachers, but the encoder stays frozen: what teachers do alone", peft=False),
    "joint": Mode(
        "no stage 1, no teachers: encoder and recommender from scratch", stage1=False, transfer=False, from_scratch=True
    ),
    "joint_kt": Mode("encoder and recommender from scratch, guided by teachers", from_scratch=True),
}
