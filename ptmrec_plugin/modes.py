"""What the modes of PTMRec are.

two_stage          stage 1 on frozen features; stage 2 tunes φ and ψ with knowledge transfer from stage 1's best
frozen             stage 1 only
frozen_continued   stage 2's loop without PEFT and without transfer: what more training alone does
frozen_kt          stage 2's loop without PEFT, with transfer: what self-distillation alone does
joint              no stage 1: φ and ψ from scratch, without transfer
joint_kt           joint, with a teacher from stage 1 that the run may not end in
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mode:
    """Which stages run and what the second one does."""

    stage1: bool = True
    stage2: bool = True
    peft: bool = True
    transfer: bool = True
    from_scratch: bool = False


MODES = {
    "two_stage": Mode(),
    "frozen": Mode(stage2=False, peft=False, transfer=False),
    "frozen_continued": Mode(peft=False, transfer=False),
    "frozen_kt": Mode(peft=False),
    "joint": Mode(stage1=False, transfer=False, from_scratch=True),
    "joint_kt": Mode(from_scratch=True),
}
