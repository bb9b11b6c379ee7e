"""A finished run, opened again: its data, and its model in the best state, ready to score."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ..config import Config
from ..data.dataset import Dataset
from ..data.loader import TrainLoader
from ..errors import DataError
from ..models.contract import HasItemFeatures, Model
from ..runs.build import build, protocol
from .record import RunRecord
from .recorded_config import recorded_config
from .saved_model import best_state, bring_back


@dataclass(frozen=True)
class FinishedRun:
    """What `open_run` gives.

    Attributes:
        record: the run's folder.
        config: its resolved configuration.
        dataset: interactions and splits.
        loader: the training loader that the model was built on; holds the frozen item features.
        model: in its best state by the validation split, in evaluation mode.
    """

    record: RunRecord
    config: Config
    dataset: Dataset
    loader: TrainLoader
    model: Model

    def item_features(self) -> dict[str, Tensor]:
        """Modality -> the features [n_items, d] that the model scores with: tuned ones, or its frozen input."""
        if isinstance(self.model, HasItemFeatures):
            return dict(self.model.item_features())
        return dict(self.loader.features.tables())


def open_run(folder: Path, **replaced: Any) -> FinishedRun:
    """Open the run in `folder`.

    Args:
        replaced: keys of the machine at hand, such as `data_path`, `cache_path` or `device`, and those that lead to an
            encoder.

    Raises:
        DataError: no finished run there, one whose model was not saved, or whose data have changed since.
        ConfigError: its config.yaml says what a run may not.
    """
    record = RunRecord.load(folder)
    if record.info["status"] != "finished":
        raise DataError(
            f"{folder}: this is {record.status}, no finished run. The command that began a run goes on with it "
            "with --resume."
        )
    state = best_state(record.path)
    if state is None:
        raise DataError(f"{folder}: the run kept no model (save_model=false). Train it again with save_model=true.")
    config = recorded_config(record.path / "config.yaml", replaced)
    dataset, loader, model = build(config)
    record.check_same(protocol(config, dataset), loader.features.fingerprint)
    bring_back(model, state, record.path)
    return FinishedRun(record, config, dataset, loader, model.eval())
