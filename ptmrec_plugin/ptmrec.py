"""PTMRec: the model class that the registry finds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from mmrec_host.files import write_whole
from mmrec_host.models.base import MODELS
from mmrec_host.models.contract import Model
from mmrec_host.training.phases import Phase
from mmrec_host.training.trainer import Outcome

from .export.model_card import card_files
from .modes import MODES
from .peft.base import check_variant
from .peft.trial import try_variant
from .stage2.base_on_features import BaseOnFeatures, require_base
from .stage2.base_run import Stage1, base_values, run_config
from .stage2.columns import tuning_columns
from .stage2.cost import estimate, training_memory
from .stage2.options import TuningOptions
from .stage2.phase import Stage2
from .stage2.teacher_runs import BASE, check_teachers, teacher_names, train_teachers


def tuning_options(config: Any) -> TuningOptions:
    """What the mode makes of stage 2."""
    mode = MODES[config["mode"]]
    return TuningOptions.from_config(config, peft=mode.peft, transfer=mode.transfer, from_scratch=mode.from_scratch)


@MODELS.register("PTMRec")
class PTMRec(Model):
    """PTMRec (Zhang et al., 2025): a recommender on frozen CLIP features, then CLIP tuned by what it learned.

    Wraps the recommender that the key `base` names, which scores and, in stage 1, trains as it would alone; the key
    `mode` says which stages run.

    Attributes:
        recommender: the base on the features that it scores with now.
        stage2: from the planning of the phases on; None before, and where the mode has none.

    Raises:
        ConfigError: a base that cannot be tuned through, or features that come from no encoder.
    """

    def __init__(self, config: Any, dataloader: Any) -> None:
        super().__init__()
        self.config, self.mode = config, MODES[config["mode"]]
        self.n_users, self.n_items = dataloader.n_users, dataloader.n_items
        self.recommender = BaseOnFeatures(config, dataloader)
        self.options = tuning_options(config) if self.mode.stage2 else None
        self.teachers = teacher_names(config)
        self.stage2: Stage2 | None = None
        self.adapter_bytes: int | None = None

    @classmethod
    def check(cls, config: Any) -> None:
        """What base, teachers and mode ask of the configuration."""
        require_base(config, config["is_multimodal_model"] is not False)
        mode, names = MODES[config["mode"]], teacher_names(config)
        if mode.stage2 and mode.peft:
            check_variant(config)
        if mode.stage1:
            run_config(config["base"], base_values(config), config)
        if mode.stage2 and tuning_options(config).kt_weight:
            check_teachers(names, config)

    def phases(self, loader: Any) -> list[Phase]:
        """The stages of the key `mode`; teachers beside the base are trained here, before all else.

        Raises:
            ConfigError: a variant that would spoil the run, before anything is trained.
        """
        phases: list[Phase] = []
        if self.options is not None and self.options.peft:
            try_variant(self.config, list(self.recommender.tables))
        if self.mode.stage1:
            stage1 = Stage1(self, loader, self.config)
            stage1.candidate = not self.mode.from_scratch
            phases.append(stage1)
        if self.options is not None:
            names = self.teachers if self.options.kt_weight else []
            others = train_teachers(names, self.config)
            self.stage2 = Stage2(self.recommender, loader, self.config, self.options, others, BASE in names)
            phases.append(self.stage2)
        return phases

    def scorer(self) -> Model:
        """The base, which ranks."""
        return self.recommender.base

    def item_features(self) -> dict[str, Tensor]:
        """Modality -> the features [n_items, d] that the base scores with now."""
        return self.recommender.tables

    def pre_epoch_processing(self) -> None:
        """What the base does before an epoch."""
        self.recommender.base.pre_epoch_processing()

    def post_epoch_processing(self) -> str | None:
        """What the base does after an epoch."""
        return self.recommender.base.post_epoch_processing()

    def calculate_loss(self, interaction: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The base's own loss on the features that stand in its slots."""
        return self.recommender.base.calculate_loss(interaction)

    def full_sort_predict(self, interaction: list[Tensor]) -> Tensor:
        """The base's scores [n_batch_users, n_items]."""
        return self.recommender.base.full_sort_predict(interaction)

    def snapshot(self) -> dict[str, Tensor]:
        """Copies of ψ, and of what stage 2 trains beside it."""
        return self.recommender.snapshot() | (self.stage2.snapshot() if self.stage2 is not None else {})

    def restore(self, state: dict[str, Tensor]) -> None:
        """Bring a snapshot back; without a stage 2 that has begun the model scores as it did, but φ is left out."""
        self.recommender.restore(state)
        if self.stage2 is not None:
            self.stage2.restore(state)

    def save_extras(self, folder: Path) -> None:
        """Write the adapter, in the variant's own format."""
        if self.stage2 is not None and self.stage2.tuner is not None:
            self.stage2.tuner.handle.save(folder / "adapter")
            self.adapter_bytes = sum(file.stat().st_size for file in (folder / "adapter").iterdir())

    def describe_run(self, folder: Path, info: Mapping[str, Any]) -> None:
        """Write the adapter's card, and the settings to load it with."""
        if self.stage2 is not None and self.stage2.tuner is not None:
            counts = {"users": self.n_users, "items": self.n_items}
            for name, text in card_files(self.config, info, counts, folder / "adapter").items():
                write_whole(folder / "adapter" / name, text.encode())

    def columns(self, outcome: Outcome) -> dict[str, Any]:
        """What the results table shows of tuning."""
        if self.stage2 is None or self.stage2.tuner is None:
            return {}
        before = self.stage2.frozen_score
        gain = None if before is None else outcome.best.score - before
        return tuning_columns(self.config["peft"], self.stage2.tuner, self.adapter_bytes, gain)

    def meaning(self) -> str:
        """What the mode does, and whether anybody teaches."""
        if self.options is None:
            return self.mode.meaning
        return f"{self.mode.meaning}, {'guided by' if self.options.kt_weight else 'without'} teachers"

    @classmethod
    def dry_run(cls, config: Any, dataset: Any) -> list[str]:
        """Encodings an epoch, cache size and memory, for `--dry-run`."""
        mode = MODES[config["mode"]]
        stages = [name for name, there in (("stage 1", mode.stage1), ("stage 2", mode.stage2)) if there]
        teaches = mode.stage2 and mode.transfer and config["kt_weight"]
        said = f"teachers: {', '.join(teacher_names(config))}; each but base is a run of its own"
        return [
            f"mode {config['mode']}: {', then '.join(stages)}",
            *([said] if teaches else []),
            *estimate(config, dataset, stage2=mode.stage2, peft=mode.peft, from_scratch=mode.from_scratch),
        ]

    @classmethod
    def memory(cls, config: Any, dataset: Any) -> float:
        """What tuning needs, for `--jobs auto`."""
        mode = MODES[config["mode"]]
        return training_memory(config, dataset) if mode.stage2 and mode.peft else 0.0
