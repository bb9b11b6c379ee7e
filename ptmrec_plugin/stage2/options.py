"""What stage 2 does, read once from the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from mmrec_host.errors import ConfigError


@dataclass(frozen=True)
class TuningOptions:
    """The keys of PTMRec.yaml that stage 2 depends on, and what the mode asks of it.

    Attributes:
        peft: the encoder is tuned.
        from_scratch: the recommender begins anew (`joint`).
        epochs, patience, eval_every, learner: as in `Phase`.
        peft_rate, recommender_rate, student_rate: learning rates of φ, of ψ (0: frozen), and of a ridge student.
        batching: item_pool or interaction.
        pool_size: items a pool, and items encoded at once without gradients.
        most_items: items that one batch can have.
        kt_weight: λ; 0 where the mode has no transfer.
        kt_temperature: in units of the scores' mean row standard deviation.
        kt_student: score or modality.
        kt_features: what the features alone score learns beside the whole score.
        kt_users: rows a batch, at most.
        rebuild_graph: item graphs follow the tuned features at each evaluation.
        reuse_activations, encode_chunk, gradient_checkpointing, half, workers: how live features are computed.
    """

    base: str
    device: torch.device
    seed: int
    peft: bool
    from_scratch: bool
    epochs: int
    patience: int
    eval_every: int
    learner: str
    peft_rate: float
    recommender_rate: float
    student_rate: float
    batching: str
    pool_size: int
    most_items: int
    kt_weight: float
    kt_temperature: float
    kt_student: str
    kt_features: bool
    kt_users: int
    rebuild_graph: bool
    reuse_activations: bool
    encode_chunk: int | None
    gradient_checkpointing: bool
    half: bool

    @classmethod
    def from_config(
        cls, config: Any, *, peft: bool = True, transfer: bool = True, from_scratch: bool = False
    ) -> TuningOptions:
        """Read them.

        Raises:
            ConfigError: the encoder is to be tuned, and the features come from elsewhere.
        """
        if peft and config["features"] != "encoder":
            raise ConfigError(
                f"mode={config['mode']} tunes the encoder, so it needs raw images and texts: features=encoder, with "
                f"images/<itemID>.* and items.jsonl in the dataset folder. On features={config['features']} only "
                "mode=frozen, frozen_continued and frozen_kt run."
            )
        scaled = config["learning_rate"] * config["recommender_lr_scale"]
        rate = config["joint_learning_rate"] if from_scratch else scaled
        pooled = config["batching"] == "item_pool"
        are_new = bool(config["new_items"] or config["cold_items"])
        return cls(
            base=config["base"],
            device=torch.device(config["device"]),
            seed=int(config["seed"]),
            peft=peft,
            from_scratch=from_scratch,
            epochs=config["joint_epochs"] if from_scratch else config["stage2_epochs"],
            patience=config["stage2_patience"],
            eval_every=config["stage2_eval_step"],
            learner=config["stage2_learner"],
            peft_rate=config["tuning_learning_rate"],
            recommender_rate=rate,
            student_rate=rate or config["learning_rate"],
            batching=config["batching"],
            pool_size=int(config["pool_size"]),
            most_items=int(config["pool_size"] if pooled else 2 * config["train_batch_size"]),
            kt_weight=config["kt_weight"] if transfer else 0.0,
            kt_temperature=config["kt_temperature"],
            kt_student=config["kt_student"],
            kt_features=config["kt_features"] == "always" or (config["kt_features"] == "new_items" and are_new),
            kt_users=int(config["kt_users"]),
            rebuild_graph=config["rebuild_graph"],
            reuse_activations=config["reuse_activations"],
            encode_chunk=config["encode_chunk"],
            gradient_checkpointing=config["gradient_checkpointing"],
            half=config["precision"] == "bfloat16",
        )
