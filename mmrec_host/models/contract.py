"""What a model is to the host, and everything else that the host or a plugin may ask of one.

`Model` is what every model has, MMRec's unmodified ones too. Each other class here is an optional hook: a model that
has its methods is asked, for any other the host does what the hook's docstring says under "Without it". Hooks need no
base class: having the methods is enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn


class Model(nn.Module):
    """A model as MMRec has it, made by `Model(config, dataloader)`; to inherit from this class is not needed."""

    n_users: int
    n_items: int

    def pre_epoch_processing(self) -> None:
        """Called before each training epoch."""

    def calculate_loss(self, interaction: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Loss of a batch of user, positive and negative item ids [3, batch]; a tuple is summed, its parts logged."""
        raise NotImplementedError(f"{type(self).__name__} must define calculate_loss")

    def post_epoch_processing(self) -> str | None:
        """Called after each training epoch; a returned text is logged."""
        return None

    def full_sort_predict(self, interaction: list[Tensor]) -> Tensor:
        """Scores [n_batch_users, n_items] of all items for the user ids in `interaction[0]`."""
        raise NotImplementedError(f"{type(self).__name__} must define full_sort_predict")


@runtime_checkable
class PreparesEvaluation(Protocol):
    """Scores many batches of users from what is computed once an evaluation.

    Without it: `full_sort_predict` is asked for each batch, as in MMRec.
    """

    def prepare_evaluation(self) -> None:
        """Compute what `score_users` needs for the whole evaluation that follows."""

    def score_users(self, users: Tensor, out: Tensor | None = None) -> Tensor:
        """Scores [len(users), n_items] of all items; written into `out` if given."""


@runtime_checkable
class DelegatesScoring(Protocol):
    """Wraps another model, which does the scoring.

    Without it: the model scores itself.
    """

    def scorer(self) -> Model:
        """The model inside, whose vectors, free ids and scores are meant."""


@runtime_checkable
class HasVectors(Protocol):
    """Scores by the product of a user's and an item's vector.

    Without it: vectors are factors of the scores (`evaluation.score_vectors`).
    """

    def representations(self) -> tuple[Tensor, Tensor]:
        """User vectors [n_users, d] and item vectors [n_items, d]."""


@runtime_checkable
class HasFreeItems(Protocol):
    """Has parameters that are free per item, of which nothing is learned for a cold item.

    Without it: a cold item is scored like any other.
    """

    def item_id_tables(self) -> list[Tensor]:
        """Parameters [n_items, d]; a cold item is scored with its rows at zero."""


@runtime_checkable
class HasItemFeatures(Protocol):
    """Scores with item features of its own making.

    Without it: the model is taken to score with the frozen features that it was given.
    """

    def item_features(self) -> dict[str, Tensor]:
        """Modality -> the features [n_items, d] that it scores with now."""


@runtime_checkable
class ScoresModalities(Protocol):
    """Scores items by one modality alone.

    Without it: a ridge regression from features to item vectors stands in where such scores are wanted.
    """

    def modality_scores(self, users: Tensor, z: Tensor, modality: str) -> Tensor | None:
        """Scores [len(users), k] of feature rows z [k, d_m]; None if this model, as configured, has none."""


@runtime_checkable
class ScoresPairs(Protocol):
    """Scores some users' and items' pairs, with gradients.

    Without it: no teacher can teach the model its whole score.
    """

    def pair_scores(self, users: Tensor, items: Tensor) -> Tensor:
        """The scores [len(users), len(items)] that it ranks with, differentiable in parameters and features."""


@runtime_checkable
class RebuildsFromFeatures(Protocol):
    """Derives something from the features when it is constructed, such as an item graph.

    Without it: nothing is derived, so that nothing must follow when the features change.
    """

    def rebuild_from_features(self) -> None:
        """Derive it anew from the features that it holds now."""


@runtime_checkable
class PlansPhases(Protocol):
    """Trains in phases of its own.

    Without it: one phase trains all parameters, with MMRec's optimizer settings.
    """

    def phases(self, loader: Any) -> list[Any]:
        """The phases (`training.phases.Phase`) in their order."""


@runtime_checkable
class KeepsState(Protocol):
    """Says itself what its state is.

    Without it: the state is the model's `state_dict`.
    """

    def snapshot(self) -> dict[str, Tensor]:
        """A copy of all that a better epoch must be able to bring back."""

    def restore(self, state: dict[str, Tensor]) -> None:
        """Bring a snapshot back."""


@runtime_checkable
class SavesExtras(Protocol):
    """Leaves more than its state in the run's folder.

    Without it: nothing more is written.
    """

    def save_extras(self, folder: Path) -> None:
        """Write it; called once, after training."""


@runtime_checkable
class DescribesRun(Protocol):
    """Writes about the finished run what only the model knows, such as a card of what it has saved.

    Without it: nothing more is written.
    """

    def describe_run(self, folder: Path, info: Mapping[str, Any]) -> None:
        """Write it into the run's folder; called once, with what run.json holds, if the model is kept."""


@runtime_checkable
class AddsColumns(Protocol):
    """Has something to say in the results table.

    Without it: its row has the common columns.
    """

    def columns(self, outcome: Any) -> Mapping[str, Any]:
        """Column -> number or text, after training that ended in `outcome` (`training.trainer.Outcome`)."""


@runtime_checkable
class ChecksConfig(Protocol):
    """Knows of its configuration alone what cannot work; asked of the class.

    Without it: that shows when the model is built, after the features have been computed.
    """

    def check(self, config: Any) -> None:
        """`ConfigError` for what cannot work; nothing has been read, computed or written yet."""


@runtime_checkable
class ExplainsRow(Protocol):
    """Is run in several ways, whose rows of one table must be told apart.

    Without it: nothing is said under the table.
    """

    def meaning(self) -> str:
        """What this run does, in a few words without a full stop."""


@runtime_checkable
class EstimatesCost(Protocol):
    """Knows what it will cost before it is built; asked of the class.

    Without it: `--dry-run` says what it says of every model.
    """

    def dry_run(self, config: Any, dataset: Any) -> list[str]:
        """Lines of text, on a dataset (`data.dataset.Dataset`)."""


@runtime_checkable
class EstimatesMemory(Protocol):
    """Needs much memory beside tables, features and scores, and knows how much; asked of the class.

    Without it: `--jobs auto` takes it that there is nothing beside these.
    """

    def memory(self, config: Any, dataset: Any) -> float:
        """Bytes, on a dataset (`data.dataset.Dataset`)."""


def scorer(model: Model) -> Model:
    """The model that does the scoring: `model`, or the one inside it."""
    return model.scorer() if isinstance(model, DelegatesScoring) else model


def scores_modality(model: Model, modality: str, table: Tensor) -> bool:
    """Whether the model has scores of this modality alone, for features such as `table` [n_items, d]."""
    if not isinstance(model, ScoresModalities):
        return False
    first = table.new_zeros(1).long()
    return model.modality_scores(first, table[:1], modality) is not None
