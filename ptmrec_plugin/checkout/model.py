"""PTMRec as a model of an MMRec checkout: what the stub that `ptmrec install` puts there imports."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mmrec_bridge.checkout import Checkout, load_checkout, running_checkout
from mmrec_host.errors import ConfigError
from mmrec_host.quick_start import quick_start
from mmrec_host.yaml_values import read_mapping

from .install import OUTPUTS, files

# Keys that mean the same in MMRec and here.
SHARED = (
    "USER_ID_FIELD",
    "ITEM_ID_FIELD",
    "inter_splitting_label",
    "inter_file_name",
    "field_separator",
    "filter_out_cod_start_users",
    "metrics",
    "topk",
    "valid_metric",
    "eval_batch_size",
    "seed",
)
# Keys of the checkout's PTMRec.yaml that tell MMRec's trainer to leave the training to us.
FOR_MMREC = {"req_training", "epochs", "end2end", "hyper_parameters"}
RENAMED = {"stage1_epochs": "epochs"}  # MMRec's own `epochs` is 1


def settings_file(checkout: Checkout) -> Path:
    """The YAML with our keys in a checkout."""
    return next(path for path in files(checkout) if path.suffix == ".yaml")


def translate(config: Any, checkout: Checkout) -> dict[str, Any]:
    """What `quick_start` needs to know of MMRec's `config`: data, protocol, seed, device, and our keys in its YAML.

    Runs and cached features go to `log/ptmrec` beside the checkout's main.py, unless `run_path` or `cache_path` say
    otherwise.
    """
    values = {key: config[key] for key in SHARED if config[key] is not None}
    values["data_path"] = _data_path(config["data_path"], config["dataset"])
    values["device"] = str(config["device"])
    outputs = checkout.source / OUTPUTS
    values |= {"run_path": str(outputs / "runs"), "cache_path": str(outputs / "cache")}
    # Values from `config`, where MMRec has put the grid's current choice in place of a list.
    own = [key for key in read_mapping(settings_file(checkout)) if key not in FOR_MMREC]
    return values | {RENAMED.get(key, key): config[key] for key in own}


def _data_path(said: str, dataset: str) -> str:
    """The folder that the checkout's `data_path` names; some forks put it behind the working folder, `/data/` too."""
    behind = os.getcwd() + said
    return behind if os.path.isdir(behind + dataset) else os.path.abspath(said)


def ptmrec_class() -> type[nn.Module]:
    """The class `PTMRec` on the base class of the checkout that is being run, whose modules must be importable."""
    from common.abstract_recommender import GeneralRecommender

    checkout = running_checkout()

    class PTMRec(GeneralRecommender):
        """Trains by PTMRec's own schedule, all of it within MMRec's first and only epoch, and scores for MMRec."""

        def __init__(self, config: Any, dataloader: Any, *further: Any) -> None:
            if config["req_training"] is not False:
                raise ConfigError(
                    f"{settings_file(checkout)}: PTMRec trains by its own schedule and needs req_training: False"
                )
            super().__init__(config, dataloader)
            self.dataset: str = config["dataset"]
            self.settings = translate(config, checkout)
            self.result: Any = None
            self.for_optimizer = nn.Parameter(torch.zeros(1))  # MMRec's trainer builds one in any case

        def pre_epoch_processing(self) -> None:
            """Do the whole training, once."""
            if self.result is not None:
                return
            _keep_out_of_git(checkout.source / OUTPUTS)
            load_checkout(checkout.home)  # its models may be the base, as mmrec:NAME
            self.result = quick_start("PTMRec", self.dataset, self.settings)
            self.result.model.eval()

        def calculate_loss(self, *_: Any, **__: Any) -> Tensor:
            """Nothing to learn, for trainers that do not know `req_training`."""
            return self.for_optimizer.sum() * 0

        def save_best(self) -> None:
            """Nothing, for trainers that call it: the run is kept already."""

        def full_sort_predict(self, interaction: list[Tensor]) -> Tensor:
            """Scores [n_batch_users, n_items] of the trained model."""
            return self.result.model.full_sort_predict(interaction)

    return PTMRec


def _keep_out_of_git(folder: Path) -> None:
    """Keep git from seeing runs inside a user's checkout as changes to it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n")
