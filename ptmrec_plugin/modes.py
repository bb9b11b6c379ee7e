"""What the modes of PTMRec are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mode:
    """Which stages run and what the second one does.

    Attributes:
        meaning: the same in words, but for the teachers.
    """

    meaning: str
    stage1: bool = True
    stage2: bool = True
    peft: bool = True
    transfer: bool = True
    from_scratch: bool = False


MODES = {
    "two_stage": Mode("stage 2 tunes the encoder"),
    "frozen": Mode("stage 1 alone, on frozen features", stage2=False, peft=False, transfer=False),
    "frozen_continued": Mode("stage 2 leaves the encoder frozen", peft=False, transfer=False),
    "frozen_kt": Mode("stage 2 leaves the encoder frozen", peft=False),
    "joint": Mode("encoder and recommender from scratch", stage1=False, transfer=False, from_scratch=True),
    "joint_kt": Mode("encoder and recommender from scratch", from_scratch=True),
}
