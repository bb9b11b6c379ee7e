"""How much memory a run will need, before it is built."""

from __future__ import annotations

from ..config import Config
from ..data.dataset import Dataset, load_dataset
from ..device import resolve_device
from ..models.base import MODELS
from ..models.contract import EstimatesMemory
from ..runs.record import find_runs

FLOAT, ADAM_COPIES = 4, 4  # bytes; parameter, gradient and Adam's two moments
PROCESS = 700 * 2**20  # of a process with torch, before there are data
FEATURES = 4 * 1024 * FLOAT  # of an item: two modalities of at most so many dimensions, raw and as the model has them
SCORES = 512 * 2**20  # the largest block of scores
SCORE_COPIES = 3  # scores, what is masked, what is ranked


def id_tables(config: Config, dataset: Dataset) -> int:
    """Bytes of the users' and items' vectors with Adam."""
    rows = dataset.interactions.n_users + dataset.interactions.n_items
    return rows * int(config["embedding_size"]) * FLOAT * ADAM_COPIES


def score_block(config: Config, dataset: Dataset) -> int:
    """Bytes of the scores that are computed at once."""
    return min(int(config["eval_batch_size"]) * dataset.interactions.n_items * FLOAT, SCORES)


def memory_needed(config: Config, dataset: Dataset) -> int:
    """Bytes that a run needs in all: what the largest run of the model on the dataset took, else an estimate."""
    root, model = config["run_path"], config["model"]
    runs = [run.info for run in find_runs(root, config["dataset"]) if run.info.get("model") == model]
    peaks = [info["peak_memory_mb"] for info in runs if "peak_memory_mb" in info and info["status"] == "finished"]
    if peaks:
        return int(max(peaks) * 2**20)
    own = MODELS.get(model)
    config = config.replaced(device=resolve_device(config))
    more = own.memory(config, dataset) if isinstance(own, EstimatesMemory) else 0
    features = 0 if config["is_multimodal_model"] is False else dataset.interactions.n_items * FEATURES
    return PROCESS + id_tables(config, dataset) + SCORE_COPIES * score_block(config, dataset) + features + int(more)


def largest_need(configs: list[Config]) -> int:
    """Of the hungriest of several runs; each model with each variant on each dataset is asked once."""
    keys = ("model", "dataset", "data_path", "embedding_size", "mode", "peft", "encoder", "pool_size", "run_path")
    distinct = {str([config[key] for key in keys]): config for config in configs}
    return max(memory_needed(config, load_dataset(config)) for config in distinct.values())
