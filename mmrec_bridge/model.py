"""An unmodified MMRec model as a model of this host."""

from __future__ import annotations

import copy
import logging
import warnings
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor, nn

from mmrec_host.data.features import Features
from mmrec_host.errors import ConfigError, DataError
from mmrec_host.models.base import MODELS
from mmrec_host.models.contract import Model
from mmrec_host.random_states import forked_random_states, random_states
from mmrec_host.training.phases import Phase, SinglePhase

from .data_folder import data_folder
from .loader import MMRecLoader
from .mmrec_names.common.abstract_recommender import GeneralRecommender
from .model_file import ModelFile
from .state import PlainState
from .world import mmrec_world

log = logging.getLogger(__name__)

# torch's remarks on code of its older versions; not the user's to mend
OF_OLD_CODE = "torch.sparse.SparseTensor|Creating a tensor from a list|Sparse invariant|Validating sparse"


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
        self.loader, self.inner = self._build(config, dataloader)
        self.n_users, self.n_items = self.inner.n_users, self.inner.n_items
        self._plain = PlainState(self.inner)

    def _build(self, config: Any, dataloader: Any) -> tuple[MMRecLoader, GeneralRecommender]:
        folder = Path(config["data_path"]) / config["dataset"]
        own_keys = {key: config[key] or name for key, name in self.file.data_files().items()}
        missing = [name for name in own_keys.values() if not (folder / name).is_file()]
        if missing:
            raise DataError(
                f"{self.file.name} ({self.file.path}) also reads {', '.join(missing)}, which {folder} lacks. The file "
                "must come from the model's authors or be made as they say."
            )
        built = self.file.load(self._cuda)
        with data_folder(config, folder) as data_path, self._world(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", OF_OLD_CODE, UserWarning)
            settings = config.replaced(**own_keys, model=self.file.name, data_path=data_path)
            loader = MMRecLoader(settings, dataloader)
            return loader, built(settings, loader)

    def rebuild_from_features(self) -> None:
        """Take over what a twin, constructed on the current features, derives from them: item graphs.

        The twin draws what this model drew.
        """
        loader = copy.copy(self._dataloader)
        loader.features = Features(self.v_feat, self.t_feat, "rebuilt")
        with forked_random_states(self._states):
            _, twin = self._build(self.config, loader)
        self._plain.adopt(twin.to(self.device))

    @property
    def _cuda(self) -> bool:
        return self.device.type == "cuda"

    def _world(self) -> AbstractContextManager[None]:
        return mmrec_world(self.file.world, self._cuda)

    @property
    def v_feat(self) -> Tensor | None:
        """The model's image features [n_items, d]."""
        return self.inner.v_feat

    @property
    def t_feat(self) -> Tensor | None:
        """The model's text features [n_items, d]."""
        return self.inner.t_feat

    def phases(self, loader: Any) -> list[Phase]:
        """One, on batches in the layout that the model asks for."""
        return [SinglePhase(self, self.loader, self.config)]

    def pre_epoch_processing(self) -> None:
        """Let the file's model prepare a training epoch."""
        with self._world():
            self.inner.pre_epoch_processing()

    def post_epoch_processing(self) -> str | None:
        """Let the file's model end a training epoch; a returned text is logged."""
        with self._world():
            return self.inner.post_epoch_processing()

    def calculate_loss(self, interaction: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Loss of a batch, computed by the file's model, which may change the batch."""
        with self._world():
            return self.inner.calculate_loss(interaction)

    def full_sort_predict(self, interaction: list[Tensor]) -> Tensor:
        """Scores [n_batch_users, n_items] for the user ids in `interaction[0]`."""
        with self._world():
            return self.inner.full_sort_predict(interaction)

    def pair_scores(self, users: Tensor, items: Tensor) -> Tensor:
        """Scores [len(users), len(items)], taken from those of all items; with gradients where the model gives some."""
        return self.full_sort_predict([users, users.new_empty(2, 0)])[:, items]

    def snapshot(self) -> dict[str, Tensor]:
        """Copies of the state dict and of what the model keeps in plain attributes."""
        return {k: v.detach().clone() for k, v in self.state_dict().items()} | self._plain.snapshot()

    def restore(self, state: dict[str, Tensor]) -> None:
        """Bring back what `snapshot` copied."""
        self._plain.restore(state)  # first: it may put a tensor where a parameter stands
        parameters = {k: v for k, v in state.items() if not PlainState.owns(k)}
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
