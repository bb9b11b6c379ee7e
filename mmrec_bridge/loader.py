"""MMRec's training loader and dataset as its models know them, on this host's loader."""

from __future__ import annotations

import importlib
import itertools
import logging
import os
import random
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from mmrec_host.data.loader import TrainLoader, epoch_generator
from mmrec_host.data.ragged import Ragged
from mmrec_host.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd
    import scipy.sparse as sp


class CheckoutsOwn:
    """What the checkout's own class has besides, such as a data set's `inter_matrix`: its methods on this object.

    Attributes:
        own_class: the class's module in `utils`, and its name.
    """

    own_class: tuple[str, str]

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            module, class_name = self.own_class
            for root in ("utils", "utils_package"):
                try:
                    found = vars(getattr(importlib.import_module(f"{root}.{module}"), class_name))[name]
                except (ImportError, AttributeError, KeyError):  # and outside of the model's code there are no `utils`
                    continue
                return found.__get__(self, type(self)) if hasattr(found, "__get__") else found
        raise AttributeError(f"{type(self).__name__} has no {name!r}", name=name, obj=self)


class MMRecDataset(CheckoutsOwn):
    """MMRec's `RecDataset` of the training rows.

    Attributes:
        uid_field, iid_field: column names of `df`.
        user_num, item_num, inter_num: how many users, items and rows there are.
    """

    own_class = ("dataset", "RecDataset")

    def __init__(self, config: Any, loader: TrainLoader, df: pd.DataFrame | None = None) -> None:
        self.config, self._loader, self.logger = config, loader, logging.getLogger()
        self.uid_field: str = config["USER_ID_FIELD"]
        self.iid_field: str = config["ITEM_ID_FIELD"]
        self.splitting_label: str = config["inter_splitting_label"]
        self.dataset_name: str = config["dataset"]
        self.dataset_path: str = os.path.abspath(f"{config['data_path']}{self.dataset_name}")
        self.user_num, self.item_num = loader.n_users, loader.n_items
        if df is not None:
            self.df = df

    @cached_property
    def df(self) -> pd.DataFrame:
        """The training rows in file order: two columns of ids, and the times where the model asks for `TIME_FIELD`."""
        try:
            import pandas as pd
        except ImportError as error:
            raise ConfigError("a model asks for the interactions as a pandas table: pip install pandas") from error
        frame = pd.DataFrame({self.uid_field: self._loader.users, self.iid_field: self._loader.items})
        return self._with_times(frame) if self.config["with_times"] else frame

    def _with_times(self, frame: pd.DataFrame) -> pd.DataFrame:
        """`frame` with the times of the `.inter` file, whose training rows it must be; without, as it is."""
        import pandas as pd

        ids, time = [self.uid_field, self.iid_field], self.config["TIME_FIELD"]
        file = os.path.join(self.dataset_path, self.config["inter_file_name"])
        try:
            rows = pd.read_csv(file, usecols=[*ids, self.splitting_label, time], sep=self.config["field_separator"])
        except (OSError, ValueError):  # no such file or column
            return frame
        rows = rows[rows[self.splitting_label] == 0].reset_index(drop=True)
        return frame.assign(**{time: rows[time]}) if rows[ids].equals(frame[ids]) else frame

    def inter_matrix(self, form: str = "coo", dtype: Any = None) -> sp.coo_matrix | sp.csr_matrix:
        """The loader's matrix, which some forks ask the data set for."""
        matrix = self._loader.inter_matrix(form)
        return matrix if dtype is None else matrix.astype(dtype)

    def split(self) -> list[MMRecDataset]:
        """Refused: the rows of validation and test are not shown to a model."""
        raise ConfigError("a model asks for the rows of validation and test, which are kept from it here.")

    @property
    def inter_num(self) -> int:
        """Number of training rows."""
        return len(self)

    def get_user_num(self) -> int:
        """Number of users."""
        return self.user_num

    def get_item_num(self) -> int:
        """Number of items."""
        return self.item_num

    def copy(self, new_df: pd.DataFrame) -> MMRecDataset:
        """A dataset of the rows of `new_df`, with the users, items and settings of this one."""
        return MMRecDataset(self.config, self._loader, new_df)

    def shuffle(self) -> None:
        """Put the training rows in a random order, drawn from numpy's global state."""
        self.df = self.df.sample(frac=1, replace=False).reset_index(drop=True)

    def __len__(self) -> int:
        return len(self.df) if "df" in vars(self) else len(self._loader.users)

    def __getitem__(self, index: Any) -> pd.DataFrame:
        return self.df.iloc[index]

    def __repr__(self) -> str:
        return f"{self.dataset_name}: {self.user_num} users, {self.item_num} items, {self.inter_num} rows"


class MMRecLoader(CheckoutsOwn):
    """MMRec's `TrainDataLoader`: what its models find in their second argument. What few of them read is made when it
    is read.

    A batch is one int64 tensor, [3, batch] or [2, batch] as the host's loader makes it, or the ids of users alone,
    [batch], under `use_full_sampling`.

    Attributes:
        dataset, dataset_bk: the training rows, and again.
        step: length of a batch; `pr` and `pr_end` count the rows (or users) of an epoch.

    Raises:
        ConfigError: `use_neighborhood_loss`, which MMRec itself cannot run on Python 3.11 or newer.
    """

    own_class = ("dataloader", "TrainDataLoader")
    shuffle = neg_sampling = True
    additional_dataset = None

    def __init__(self, config: Any, loader: TrainLoader) -> None:
        if config["use_neighborhood_loss"]:
            raise ConfigError(
                "use_neighborhood_loss=true: batches with neighbours are not offered here, and in MMRec they fail on "
                "Python 3.11 and newer. Set it to false if the model can train without."
            )
        self.config, self._loader, self.logger = config, loader, logging.getLogger()
        self.features = loader.features
        self.n_users, self.n_items = loader.n_users, loader.n_items
        self.device: torch.device = config["device"]
        self.dataset, self.dataset_bk = MMRecDataset(config, loader), MMRecDataset(config, loader)
        self.batch_size = self.step = loader.batch_size
        self.neighborhood_loss_required = False
        self.use_full_sampling = bool(config["use_full_sampling"]) and config["use_neg_sampling"] is not False
        self.pr = self.inter_pr = 0
        self._rounds = itertools.count()

    @property
    def pr_end(self) -> int:
        """Rows of an epoch; users under `use_full_sampling`."""
        return len(self.all_uids) if self.use_full_sampling else len(self._loader.users)

    def __len__(self) -> int:
        return -(-self.pr_end // self.step)

    def __iter__(self) -> Iterator[Tensor]:
        return self.epoch(next(self._rounds))

    def epoch(self, epoch: int, phase: str = "train") -> Iterator[Tensor]:
        """Batches of one epoch, in an order drawn by the seed, the phase and the epoch's number."""
        if not self.use_full_sampling:
            yield from self._loader.epoch(epoch, phase)
            return
        users = epoch_generator(self.config["seed"], phase, epoch).permutation(self.all_uids)
        table = torch.from_numpy(users).to(self.device)
        for start in range(0, len(users), self.step):
            yield table[start : start + self.step].clone()

    def pretrain_setup(self) -> None:
        """MMRec's reset before each combination of a grid; a loader serves one model here."""

    data_preprocess = pretrain_setup

    def inter_matrix(self, form: str = "coo", value_field: str | None = None) -> sp.coo_matrix | sp.csr_matrix:
        """Training interactions [n_users, n_items], float64 ones, or the values of a column of the data set's table.

        Repeated pairs stay apart in coo.
        """
        matrix = self._loader.inter_matrix(form if value_field is None else "coo")
        if value_field is None:
            return matrix
        if value_field not in self.dataset.df:
            raise ValueError(f"inter_matrix: the data set has no column {value_field!r}")
        matrix.data = self.dataset_bk.df[value_field].to_numpy(float)
        return matrix.asformat(form)

    @property
    def sparsity(self) -> float:
        """Share of the user-item pairs that have no row."""
        return 1 - len(self._loader.users) / self.n_users / self.n_items

    @cached_property
    def history_items_per_u(self) -> dict[int, set[int]]:
        """Training items of each user that has some."""
        items = Ragged.group(self._loader.users, self._loader.items, self.n_users)
        return {int(user): set(items.row(user).tolist()) for user in self.all_uids}

    @cached_property
    def history_users_per_i(self) -> dict[int, set[int]]:
        """Training users of each item that has some."""
        users = Ragged.group(self._loader.items, self._loader.users, self.n_items)
        return {item: set(users.row(item).tolist()) for item in self.all_items}

    @cached_property
    def all_items(self) -> list[int]:
        """Items with training rows, in random order."""
        items = np.unique(self._loader.items).tolist()
        random.shuffle(items)
        return items

    @cached_property
    def all_uids(self) -> np.ndarray:
        """Users with training rows, int64, ascending."""
        return np.unique(self._loader.users)

    @property
    def all_item_len(self) -> int:
        """Number of items with training rows."""
        return len(self.all_items)

    @property
    def all_items_set(self) -> set[int]:
        """`all_items` as a set."""
        return set(self.all_items)

    @property
    def all_users_set(self) -> set[int]:
        """`all_uids` as a set."""
        return set(self.all_uids.tolist())
