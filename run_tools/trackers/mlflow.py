"""MLflow: a run of the experiment `ptmrec-DATASET`, where MLFLOW_TRACKING_URI says, or in ./mlflow.db."""

from __future__ import annotations

import os
import re

import mlflow

from mmrec_host.runs.tracking import TrackedRun

FOLDER = "ptmrec.folder"
"""Tag by which a resumed run is found again: the name of its folder."""
LONGEST = 6000  # characters of a parameter


class MLflow:
    """Names without the signs that MLflow refuses: `valid/recall_at_20`, `columns/peft share _`."""

    def __init__(self, run: TrackedRun) -> None:
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")  # its own 7 keep a run waiting for minutes
        self.client = mlflow.MlflowClient()
        name = f"ptmrec-{run.dataset}"
        experiment = self.client.get_experiment_by_name(name)
        place = self.client.create_experiment(name) if experiment is None else experiment.experiment_id
        found = self.client.search_runs([place], f"tags.`{FOLDER}` = '{run.folder.name}'")
        if found:
            self.id = found[0].info.run_id
            self.client.update_run(self.id, status="RUNNING")
            return
        self.id = self.client.create_run(place, run_name=run.label, tags={FOLDER: run.folder.name}).info.run_id
        for key, value in run.settings.items():
            self.client.log_param(self.id, key, str(value)[:LONGEST])

    def log(self, values: dict[str, float], step: int) -> None:
        """Metrics of one epoch."""
        for name, value in values.items():
            self.client.log_metric(self.id, _name(name), value, step=step)

    def end(self, results: dict[str, float], failed: bool) -> None:
        """The row of the table, as metrics `result/…`."""
        self.log({f"result/{name}": value for name, value in results.items()}, 0)
        self.client.set_terminated(self.id, "FAILED" if failed else "FINISHED")


def _name(name: str) -> str:
    return re.sub(r"[^\w\-. :/]", "_", name.replace("@", "_at_"), flags=re.ASCII)
