"""Stage 2 as a phase of training: φ and ψ, or ψ alone, with knowledge transfer from stage 1's best or without."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmrec_host.evaluation.score_vectors import vectors_of
from mmrec_host.models.contract import HasFreeItems, scores_modality
from mmrec_host.random_states import init_seed
from mmrec_host.ranks import is_main
from mmrec_host.training.phases import Phase
from mmrec_host.training.progress import Best

from ..items.item_encoder import ItemEncoder
from .base_on_features import FEATURES, BaseOnFeatures, section
from .options import TuningOptions
from .pools import PoolBatch, make_batches
from .teachers import Ensemble, Teacher, Trained, VectorTeacher, good_enough
from .transfer import BothStudents, KnowledgeTransfer, ModalityStudent, RidgeScores, ScoreStudent, Student
from .tuner import Tuner

log = logging.getLogger(__name__)

CALIBRATION_BATCHES = 8
PEFT, STUDENT = "peft.", "student."  # beginnings of the names in a state


class Stage2(Phase):
    """Continues from stage 1's best, or begins afresh, on batches that hold a pool of items.

    Args:
        recommender: the base R_ψ, on the features that are tuned.
        loader: the training loader.
        config: what the encoder and its variant are built from.
        options: everything else.
        teachers: trained recommenders that teach beside the base, or in its place.
        base_teaches: whether the base, as stage 1 leaves it, is a teacher.

    Attributes:
        tuner: the encoder with its PEFT parameters φ, from `begin` on; None where nothing is tuned.
        transfer: from `begin` on; None where nothing is transferred.
        frozen_score: stage 1's best, by `valid_metric`; None without a stage 1.
    """

    def __init__(
        self,
        recommender: BaseOnFeatures,
        loader: Any,
        config: Any,
        options: TuningOptions,
        teachers: Sequence[Trained] = (),
        base_teaches: bool = True,
    ) -> None:
        self.pools = make_batches(loader, options.batching, options.pool_size, options.kt_users)
        super().__init__(
            name="joint" if options.from_scratch else "stage2",
            n_batches=len(self.pools),
            epochs=options.epochs,
            patience=options.patience,
            eval_every=options.eval_every,
            score_start=not options.from_scratch,
            learner=options.learner,
        )
        self.recommender, self.loader, self.config, self.options = recommender, loader, config, options
        self.teachers, self.base_teaches = list(teachers), base_teaches
        self.metric: str = config["valid_metric"].lower()  # of all models alike, whatever `selection` adds to it
        self.tuner: Tuner | None = None
        self.transfer: KnowledgeTransfer | None = None
        self.frozen_score: float | None = None

    def begin(self, best: Best | None) -> None:
        """Start from stage 1's best, or afresh; make teacher, student and tuner.

        Every part begins in the same random state, whatever came before it: an interrupted run that goes on here, with
        its cache filled, must draw what an uninterrupted one drew.
        """
        seed = self.options.seed
        init_seed(seed)
        if best is not None:
            self.recommender.restore(best.state)
            self.frozen_score = best.score
            if self.options.kt_weight:
                self.transfer = self._calibrated_transfer(best)
        if self.options.from_scratch and best is not None:
            # The temperatures are those of the trained scores; the student is the fresh base.
            init_seed(seed)
            self.recommender.build(self.loader)
            if self.transfer is not None and self._ridge() is None:
                self.transfer.student = self._student()
        init_seed(seed)
        if self.options.peft:
            self.tuner = self._make_tuner()
        init_seed(seed)

    def _calibrated_transfer(self, best: Best) -> KnowledgeTransfer:
        """The transfer from the teachers to the base as stage 1 left it."""
        self._warn_of_chance(best)
        self.recommender.base.eval()
        teacher = self._teacher(best.valid.means[self.metric])
        transfer = KnowledgeTransfer(teacher, self._student(), self.options.kt_temperature)
        batches = itertools.islice(self.pools.epoch(0, self.name), CALIBRATION_BATCHES)
        transfer.calibrate(batches, self.recommender.tables)
        return transfer

    def _teacher(self, base_score: float) -> Teacher:
        """The base as stage 1 left it and the other teachers, those that know something."""
        name = self.options.base
        trained = [*self.teachers]
        if self.base_teaches:
            own = VectorTeacher(*vectors_of(self.recommender.base, name))
            trained.insert(0, Trained(name, own, base_score))
        kept = good_enough(trained)
        if all(each.score <= base_score for each in kept):
            log.info(
                "no teacher is better than %s itself on validation (%.4f); teachers: %s",
                name, base_score, ", ".join(f"{each.name} {each.score:.4f}" for each in kept),
            )  # fmt: skip
        if len(kept) == 1:
            return kept[0].teacher
        return Ensemble([each.teacher for each in kept], self.loader.n_users, self.loader.n_items, self.options.device)

    def _student(self) -> Student:
        """What learns from the teachers, by the keys `kt_student` and `kt_features`."""
        base, tables = self.recommender.base, self.recommender.tables
        has_parts = all(scores_modality(base, modality, table) for modality, table in tables.items())
        if self.options.kt_student == "score":
            whole = ScoreStudent(base, self.options.base)
            if self.options.kt_features and has_parts and isinstance(base, HasFreeItems) and base.item_id_tables():
                return BothStudents(whole, ModalityStudent(base))
            return whole
        if has_parts:
            return ModalityStudent(base)
        log.info("%s has no scores of one modality alone: a ridge regression stands in", self.options.base)
        vectors = VectorTeacher(*vectors_of(base, self.options.base))
        trained_items = torch.from_numpy(self.loader.sampler.pool).to(self.options.device)
        return ModalityStudent(RidgeScores(vectors, tables, trained_items))

    def _make_tuner(self) -> Tuner:
        folder = Path(self.config["data_path"]) / self.config["dataset"]
        items = ItemEncoder(self.config, folder, self.loader.n_items)
        return Tuner(self.options, items, list(self.recommender.tables), self.epochs * self.n_batches)

    def _ridge(self) -> RidgeScores | None:
        """What stands in for a base without scores of one modality, and is trained along."""
        student = self.transfer.student if self.transfer is not None else None
        scores = student.scores_of if isinstance(student, ModalityStudent) else None
        return scores if isinstance(scores, RidgeScores) else None

    def _warn_of_chance(self, best: Best) -> None:
        """A teacher that ranks no better than chance pins the student to noise."""
        k = int(self.metric.rpartition("@")[2])
        chance = best.valid.chance_recall(k)
        recall = best.valid.means.get(f"recall@{k}")
        if recall is not None and recall <= 1.2 * chance:
            log.warning(
                "stage 1 ended at validation recall@%d %.4f, chance is %.4f: such a teacher has nothing to transfer; "
                "kt_weight=0 tunes without it.",
                k, recall, chance,
            )  # fmt: skip

    def parameter_groups(self) -> list[dict[str, Any]]:
        """ψ unless its rate is 0, φ, and the weights of a ridge student, each at a rate of its own."""
        options, groups = self.options, []
        if options.recommender_rate:
            psi = list(self.recommender.base.parameters())
            groups.append({"name": "recommender", "params": psi, "lr": options.recommender_rate})
        if self.tuner is not None:
            phi = list(self.tuner.handle.named_parameters().values())
            groups.append({"name": "peft", "params": phi, "lr": options.peft_rate})
        if (ridge := self._ridge()) is not None:
            groups.append({"name": "student", "params": list(ridge.parameters()), "lr": options.student_rate})
        return groups

    def batches(self, epoch: int) -> Iterable[PoolBatch]:
        """The pools of an epoch; what the encoder needs of each is loaded before it comes."""
        batches = self.pools.epoch(epoch, self.name)
        return batches if self.tuner is None else self.tuner.ahead(batches, epoch)

    def loss(self, batch: PoolBatch) -> dict[str, Tensor]:
        """L = L_R(ψ, φ) + λ KT on one pool, its items' features live."""
        live = self.tuner.features_for_step(batch.items) if self.tuner is not None else {}
        current = self.recommender.tables
        tables = {m: x.index_copy(0, batch.items, live[m]) if m in live else x for m, x in current.items()}
        with self.recommender.live(tables):
            loss = self.recommender.base.calculate_loss(batch.interactions)
            if isinstance(loss, tuple):
                loss = reduce(torch.add, (part.reshape(()) for part in loss))
            parts = {"recommendation": loss}
            if self.transfer is not None:
                transfer = self.transfer.loss(batch, tables)
                parts |= {f"transfer_{name}": self.options.kt_weight * value for name, value in transfer.items()}
        extra = self.tuner.handle.extra_loss() if self.tuner is not None else None
        if extra is None:
            return parts
        return {**parts, "regularisation": extra if is_main() else extra.detach()}  # φ's gradients will be summed

    def after_backward(self) -> None:
        """Add up what the processes' shares gave φ."""
        if self.tuner is not None:
            self.tuner.sum_gradients()

    def before_evaluation(self) -> None:
        """Bring the tables to the current φ: all items are encoded anew, unless φ has not changed since."""
        if self.tuner is not None and self.tuner.changed:
            self.recommender.put({m: self.tuner.table(m) for m in self.tuner.modalities})
            self.tuner.changed = False

    def report(self) -> dict[str, Any]:
        """Gradient norms and encodings of the epoch, and the size of φ."""
        return {} if self.tuner is None else self.tuner.epoch_report() | self.tuner.sizes()

    def snapshot(self) -> dict[str, Tensor]:
        """Copies of φ and of the features that belong to it, and of a ridge student's weights."""
        state: dict[str, Tensor] = {}
        if (ridge := self._ridge()) is not None:
            state |= {f"{STUDENT}{name}": tensor.detach().clone() for name, tensor in ridge.state_dict().items()}
        if self.tuner is not None:
            state |= {f"{PEFT}{name}": tensor for name, tensor in self.tuner.handle.state().items()}
            state |= {f"{FEATURES}{m}": self.recommender.tables[m].clone() for m in self.tuner.modalities}
        return state

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Bring φ and a ridge student back; a state from before tuning means the variant's first."""
        state = {name: tensor.to(self.options.device) for name, tensor in state.items()}
        if self.tuner is not None:
            self.tuner.handle.load_state(section(state, PEFT) or self.tuner.first_state)
            self.tuner.changed = False
        if (ridge := self._ridge()) is not None and (weights := section(state, STUDENT)):
            ridge.load_state_dict(weights)
