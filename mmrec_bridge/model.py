"""An unmodified MMRec model as a model of this host."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mmrec_host.data.features import Features
from mmrec_host.errors import ConfigError
from mmrec_host.models.base import MODELS
from mmrec_host.models.contract import Model
from mmrec_host.random_states import forked_random_states, random_states
from mmrec_host.training.phases import Phase, SinglePhase

from .causes import explained
from .construction import construct, dataset_folder, feature_names
from .model_file import ModelFile
from .own_trainer import HOOKS, OwnTrainer, require_hooks, total
from .state import PlainState
from .trial import tried
from .world import mmrec_world

log = logging.getLogger(__name__)
SEEN = "losses seen by the own trainer"  # no name in a state dict holds a blank


class MMRecModel(Model):
    """Runs the model of an MMRec file with everything around it that it would find in MMRec.

    It has no `score_users`, so that the ranker asks `full_sort_predict`, as MMRec does. The subclass of each file is
    made by `adapter`.

    Attributes:
        inner: the file's own model.
        file: where it comes from.
        yaml: its YAML, from which the configuration takes its keys.
    """

    file: ClassVar[ModelFile]
    yaml: ClassVar[Path | None]
    inner: Any

    def __init__(self, config: Any, dataloader: Any) -> None:
        super().__init__()
        if self.yaml is None:
            log.warning(
                "%s: has no YAML, here or in its checkout; keys that overall.yaml lacks read as None", self.file.path
            )
        if cold := [key for key in ("cold_items", "new_items") if config[key]]:
            raise ConfigError(
                f"{cold[0]}={config[cold[0]]}: {self.file.name} is a model of MMRec's, whose free vectors of "
                "cold items cannot be told from the trained ones, so that they would be ranked by chance. Set it to 0."
            )
        self.config, self.device, self._dataloader = config, config["device"], dataloader
        self._states = random_states()
        made = construct(self.file, config, dataloader)
        self.inner, self.loader, self._settings = made.model, made.loader, made.settings
        self.n_users, self.n_items = dataloader.n_users, dataloader.n_items
        self._features = feature_names(self.inner, dataloader.features.tables())
        require_hooks(self.file, self.inner)
        self._trainer, self._epoch_loss = self._own_trainer(), 0.0
        self._plain = PlainState(self.inner)

    def _own_trainer(self) -> OwnTrainer | None:
        """The checkout's trainer, where the model needs what it sets."""
        if calls := [name for name in self.file.called_by_trainer if name not in HOOKS]:
            log.warning("%s: its own trainer also calls %s, which is not called here", self.file.path, ", ".join(calls))
        if not self.file.set_by_trainer:
            return None
        with self._world("own trainer"):
            return OwnTrainer(self.file, self.inner, self._settings)

    def rebuild_from_features(self) -> None:
        """Take over what a twin, constructed on the current features, derives from them: item graphs.

        The twin draws what this model drew.
        """
        loader = copy.copy(self._dataloader)
        loader.features = Features(self.v_feat, self.t_feat, "rebuilt")
        with forked_random_states(self._states):
            twin = construct(self.file, self.config, loader).model
        self._plain.adopt(twin.to(self.device))

    @contextmanager
    def _world(self, doing: str) -> Iterator[None]:
        """Where the file's code may run; what it raises is explained."""
        with mmrec_world(self.file.world, self.device.type == "cuda"):
            with explained(self.file, self._settings, dataset_folder(self.config), doing):
                yield

    @property
    def v_feat(self) -> Tensor | None:
        """The model's image features [n_items, d]."""
        return getattr(self.inner, self._features.get("v", "v_feat"), None)

    @property
    def t_feat(self) -> Tensor | None:
        """The model's text features [n_items, d]."""
        return getattr(self.inner, self._features.get("t", "t_feat"), None)

    def phases(self, loader: Any) -> list[Phase]:
        """One, on batches in the layout that the model asks for."""
        return [SinglePhase(self, self.loader, self.config)]

    def pre_epoch_processing(self) -> None:
        """Let the file's model prepare a training epoch."""
        with self._world("pre_epoch_processing"):
            self.inner.pre_epoch_processing()

    def post_epoch_processing(self) -> str | None:
        """Let the file's model end a training epoch; a returned text is logged."""
        with self._world("post_epoch_processing"):
            if self._trainer is not None:
                self._trainer.see(self._epoch_loss)
                self._epoch_loss = 0.0
            return self.inner.post_epoch_processing()

    def calculate_loss(self, interaction: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Loss of a batch, computed by the file's model, which may change the batch."""
        with self._world("calculate_loss"):
            loss = self.inner.calculate_loss(interaction)
        if self._trainer is not None:
            self._epoch_loss += total(loss)
        return loss

    def full_sort_predict(self, interaction: list[Tensor]) -> Tensor:
        """Scores [n_batch_users, n_items] for the user ids in `interaction[0]`."""
        with self._world("full_sort_predict"):
            return self.inner.full_sort_predict(interaction)

    def pair_scores(self, users: Tensor, items: Tensor) -> Tensor:
        """Scores [len(users), len(items)], taken from those of all items; with gradients where the model gives some."""
        return self.full_sort_predict([users, users.new_empty(2, 0)])[:, items]

    @classmethod
    def yaml_values(cls, dataset: str) -> dict[str, Any]:
        """What the configuration takes from the checkout's YAML files."""
        return cls.file.yaml_values(dataset)

    @classmethod
    def status(cls) -> str:
        """Whether the model runs here, for `ptmrec list models`."""
        return tried(cls)

    def snapshot(self) -> dict[str, Tensor]:
        """Copies of the state dict, of what the model keeps in plain attributes, and of the losses its trainer saw."""
        seen = {} if self._trainer is None else {SEEN: torch.tensor(self._trainer.losses, dtype=torch.float64)}
        return {k: v.detach().clone() for k, v in self.state_dict().items()} | self._plain.snapshot() | seen

    def restore(self, state: dict[str, Tensor]) -> None:
        """Bring back what `snapshot` copied."""
        if self._trainer is not None and SEEN in state:
            with self._world("own trainer"):
                self._trainer.see_again(state[SEEN].tolist())
        self._plain.restore(state)  # before the parameters: it may put a tensor where one stands
        parameters = {k: v for k, v in state.items() if not PlainState.owns(k) and k != SEEN}
        for key in parameters.keys() - self.state_dict().keys():  # or the other way round
            path, _, name = key.rpartition(".")
            module = self.get_submodule(path)
            vars(module).pop(name, None)
            module.register_parameter(name, nn.Parameter(parameters[key].clone()))
        self.load_state_dict(parameters)


def adapter(file: ModelFile) -> type[MMRecModel]:
    """The class that the registry holds for the model of `file`."""
    about = {"__module__": str(file.path), "__doc__": file.about(), "file": file, "yaml": file.yaml}
    return type(file.name, (MMRecModel,), about)


def register(file: ModelFile) -> None:
    """Make the model of `file` known as `mmrec:<Name>`, and as `<Name>` where no other model has that name."""
    built = adapter(file)
    MODELS.register(f"mmrec:{file.name}")(built)
    if file.name not in MODELS or hasattr(MODELS.get(file.name), "file"):
        MODELS.register(file.name)(built)
