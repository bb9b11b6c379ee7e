"""PTMRec: the model class that the registry finds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmrec_host.config_layers import find_yaml, read_layer
from mmrec_host.errors import ConfigError
from mmrec_host.evaluation.score_vectors import vectors_of
from mmrec_host.models.base import MODELS, Recommender
from mmrec_host.ranks import is_main
from mmrec_host.training.phases import Phase, restore, snapshot
from mmrec_host.training.trainer import Outcome

from .items.item_encoder import ItemEncoder
from .stage2 import phase as phases
from .stage2.feature_slots import FeatureSlots
from .stage2.pools import PoolBatch
from .stage2.transfer import KnowledgeTransfer, RidgeStudent
from .stage2.tuner import Tuner


@MODELS.register("PTMRec")
class PTMRec(Recommender):
    """PTMRec (Zhang et al., 2025): a recommender on frozen CLIP features, then CLIP tuned by what it learned.

    Wraps the recommender that the key `base` names; what training does is planned in `phases`, by the key `mode`.

    Attributes:
        base: the recommender R_ψ; its feature slots are frozen tables.
        tables: modality -> the features [n_items, d] that it scores with now.
        tuner: the encoder with its PEFT parameters φ, from the beginning of the phase that tunes.
    """

    def __init__(self, config: Any, dataloader: Any) -> None:
        super().__init__(config, dataloader)
        self.tables: dict[str, Tensor] = dataloader.features.tables()
        if not self.tables or not reads_features(config["base"]):
            raise ConfigError(
                f"base={config['base']} reads no item features, so there is nothing to tune. VBPR, Content, FREEDOM "
                "and LATTICE read them."
            )
        if phases.tunes(config["mode"]) and config["features"] != "encoder":
            raise ConfigError(
                f"mode={config['mode']} tunes the encoder, so it needs raw images and texts: features=encoder, with "
                f"images/<itemID>.* and items.jsonl in the dataset folder. On features={config['features']} only "
                "mode=frozen, frozen_continued and frozen_kt run."
            )
        self.frozen = dict(self.tables)
        self.build_base(dataloader)
        self.tuner: Tuner | None = None
        self.transfer: KnowledgeTransfer | None = None
        self.kt_weight = 0.0
        self.frozen_score: float | None = None  # stage 1's best, by `valid_metric`
        self.adapter_bytes: int | None = None

    def build_base(self, dataloader: Any) -> None:
        """A freshly initialised base on the frozen features.

        Raises:
            ConfigError: a base that cannot be tuned through.

        A base of MMRec's has no vectors to show, only scores: it is then asked for these.
        """
        name = self.config["base"]
        if name == self.config["model"]:
            raise ConfigError(f"base={name}: must be another recommender, such as VBPR, Content, FREEDOM or LATTICE.")
        if self.config["use_full_sampling"]:
            raise ConfigError(f"base={name}: trains on batches of users (use_full_sampling), which have no item pools.")
        base = MODELS.get(name)(self.config.replaced(model=name, trainable_features=False), dataloader)
        self.base = base.to(self.device)
        if not hasattr(base, "representations"):
            self.score_users = None  # the ranker asks `full_sort_predict` instead
        self.slots = FeatureSlots(self.base, self.frozen)

    def phases(self, loader: Any) -> list[Phase]:
        """The plan of the key `mode`."""
        return phases.plan(self, loader, self.config)

    # What the host calls goes to the base.
    def pre_epoch_processing(self) -> None:
        """The base's."""
        self.base.pre_epoch_processing()

    def post_epoch_processing(self) -> str | None:
        """The base's."""
        return self.base.post_epoch_processing()

    def calculate_loss(self, interaction: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Stage 1: the base's own loss on the features that stand in its slots."""
        return self.base.calculate_loss(interaction)

    def representations(self) -> tuple[Tensor, Tensor]:
        """The base's user and item vectors; of one that only scores, factors of its scores."""
        return vectors_of(self.base, self.config["base"])

    def full_sort_predict(self, interaction: list[Tensor]) -> Tensor:
        """The base's scores [n_batch_users, n_items]."""
        return self.base.full_sort_predict(interaction)

    def item_id_tables(self) -> list[Tensor]:
        """The base's; unknown of one of MMRec's."""
        return self.base.item_id_tables() if hasattr(self.base, "item_id_tables") else []

    def start_tuning(self, n_steps: int) -> None:
        """Load the encoder and apply the PEFT variant, for so many optimizer steps at most."""
        items = ItemEncoder(self.config, Path(self.config["data_path"]) / self.config["dataset"], self.n_items)
        self.tuner = Tuner(self.config, items, list(self.tables), n_steps)

    def tuning_loss(self, batch: PoolBatch) -> dict[str, Tensor]:
        """Stage 2: L = L_R(ψ, φ) + λ Σ_m KT_m on one pool, its items' features live."""
        live = {}
        if self.tuner is not None:
            self.tuner.handle.train(True)
            self.tuner.changed = True
            live = self.tuner.live(batch.items)
        tables = {m: x.index_copy(0, batch.items, live[m]) if m in live else x for m, x in self.tables.items()}
        with self.slots.live(tables):
            loss = self.base.calculate_loss(batch.interactions)
            parts = {"recommendation": sum(p.reshape(()) for p in loss) if isinstance(loss, tuple) else loss}
            if self.transfer is not None and self.kt_weight:
                z = {m: tables[m][batch.items] for m in tables}
                transfer = self.transfer.loss(batch, z)
                parts |= {f"transfer_{m}": self.kt_weight * value for m, value in transfer.items()}
        extra = self.tuner.handle.extra_loss() if self.tuner is not None else None
        if extra is None:
            return parts
        return {**parts, "regularisation": extra if is_main() else extra.detach()}  # φ's gradients will be summed

    def refresh(self) -> None:
        """Bring the tables to the current φ: all items are encoded anew, unless φ has not changed since."""
        if self.tuner is not None and self.tuner.changed:
            self._put({m: self.tuner.table(m) for m in self.tuner.modalities})
            self.tuner.changed = False

    def _put(self, tables: dict[str, Tensor]) -> None:
        self.tables = {**self.tables, **tables}
        self.slots.put(self.tables)
        if self.config["rebuild_graph"]:
            self.base.rebuild_from_features()
        self.forget_prepared()

    def snapshot(self) -> dict[str, Tensor]:
        """Copies of ψ, of φ and of the features that belong to it, and of a trained student's weights."""
        state = {f"base.{k}": v for k, v in snapshot(self.base).items()}
        if (student := self._own_student()) is not None:
            state |= {f"student.{k}": v.detach().clone() for k, v in student.state_dict().items()}
        if self.tuner is not None:
            state |= {f"peft.{k}": v for k, v in self.tuner.handle.state().items()}
            state |= {f"features.{m}": self.tables[m].clone() for m in self.tuner.modalities}
        return state

    def restore(self, state: dict[str, Tensor]) -> None:
        """Bring a snapshot back; one from before tuning means the frozen features and the variant's first state.

        Without a tuner the model scores as it did, but φ is left out: `start_tuning` first to go on.
        """
        state = {name: tensor.to(self.device) for name, tensor in state.items()}
        stored = _section(state, "features.")
        wanted = {m: stored.get(m, table) for m, table in self.frozen.items()}
        if any(not torch.equal(wanted[m], self.tables[m]) for m in wanted):
            self._put(wanted)  # before ψ is loaded: a base may hold the features among its parameters
        if self.tuner is not None:
            self.tuner.handle.load_state(_section(state, "peft.") or self.tuner.first_state)
            self.tuner.changed = False
        restore(self.base, _section(state, "base."))
        if (student := self._own_student()) is not None and (weights := _section(state, "student.")):
            student.load_state_dict(weights)

    def _own_student(self) -> RidgeStudent | None:
        """The student that stands in for a base without scores of one modality."""
        student = self.transfer.student if self.transfer is not None else None
        return student if isinstance(student, RidgeStudent) else None

    def save_extras(self, folder: Path) -> None:
        """The adapter, in the variant's own format."""
        if self.tuner is not None:
            self.tuner.handle.save(folder / "adapter")
            self.adapter_bytes = sum(file.stat().st_size for file in (folder / "adapter").iterdir())

    def sizes(self) -> dict[str, Any]:
        """The number of PEFT parameters, and their share of the encoder's."""
        if self.tuner is None:
            return {}
        n, total = self.tuner.handle.n_parameters(), sum(p.numel() for p in self.tuner.encoder.parameters())
        return {"peft_parameters": n, "peft_share": n / total}

    def columns(self, outcome: Outcome) -> dict[str, Any]:
        """What the results table shows of tuning: the variant, what it costs, and what validation gains by it.

        Seconds and items are those of training epochs, without evaluations; the gain is that of `valid_metric` over the
        best of stage 1, 0 where tuning brought nothing better.
        """
        if self.tuner is None:
            return {}
        sizes, epochs = self.sizes(), self.tuner.epochs
        columns = {"peft": self.config["peft"], "peft parameters": sizes["peft_parameters"]}
        columns["peft share %"] = 100 * sizes["peft_share"]
        if epochs:
            seconds = sum(each for _, each in epochs)
            columns |= {"s/epoch": seconds / len(epochs), "items/s": sum(n for n, _ in epochs) / seconds}
        if self.adapter_bytes is not None:
            columns["adapter kB"] = self.adapter_bytes / 1000
        if self.frozen_score is not None:
            columns["valid gain"] = outcome.best.score - self.frozen_score
        return columns

    @classmethod
    def dry_run(cls, config: Any, dataset: Any) -> list[str]:
        """Encodings an epoch, cache size and memory, for `--dry-run`."""
        from .stage2.cost import estimate

        return estimate(config, dataset)


def _section(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def reads_features(base: str) -> bool:
    """Whether the base's own YAML says that it reads item features; one without a YAML is believed to."""
    path = find_yaml("model", base)
    return path is None or read_layer(path).values.get("is_multimodal_model", True)
