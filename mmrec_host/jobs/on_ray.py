"""The engine that runs jobs on a Ray cluster, each as one task."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import logging
import os
import shutil
import socket
import tarfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from ..config import Config
from ..errors import ConfigError, UserError
from ..runs.record import find_runs
from .job import Job, Outcome
from .ray_task import PLACES, Answer, Sender, pack, perform_on_node, sees, unpack
from .worker import Plugins

log = logging.getLogger(__name__)

ATTEMPTS = 3  # of a job whose node or process dies
SECONDS = 30  # that runs have to note that they are stopped


def ray_or_message() -> ModuleType:
    """Ray; `ConfigError` if it is not installed."""
    try:
        import ray
    except ImportError:
        raise ConfigError("--engine ray: ray is not installed (pip install 'ptmrec[ray]').") from None
    return ray


def connect(address: str | None) -> ModuleType:
    """Ray, connected to the cluster at `address`, by default `RAY_ADDRESS` or the one of this machine.

    Raises:
        ConfigError: there is none.
    """
    ray = ray_or_message()
    address = address or os.environ.get("RAY_ADDRESS") or "auto"
    start = "Start one with `ray start --head`, or name another with --address HOST:PORT or RAY_ADDRESS"
    host, _, port = address.rpartition(":")
    try:
        if host and "://" not in address:
            socket.create_connection((host, int(port)), timeout=10).close()  # Ray itself would try for minutes
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, ignore_reinit_error=True)
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"--address {address}: there is no Ray cluster ({reason}). {start}.") from None
    return ray


class OnRay:
    """As many jobs at a time as the cluster has room for.

    Each has its threads, memory (`needs`) and, unless the key `device` says cpu, a GPU where there are any. A node that
    has the sender's folders works in them; to another one data, cache, own configurations and plugins are shipped once,
    and its runs come back.

    Args:
        ray: as `connect` gives it.
        configs: of all jobs, one at least.
        needs: bytes that one of them may need.
        at_most: so many at a time.

    Raises:
        ConfigError: no node that is large enough.
    """

    def __init__(
        self, ray: ModuleType, plugins: Plugins, configs: Sequence[Config], needs: int, at_most: int | None
    ) -> None:
        self.ray = ray
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        cpus = int(sum(node.get("CPU", 0) for node in nodes))
        self.n_jobs = max(1, min(at_most or cpus, cpus, len(configs)))
        self.gpus = sum(node.get("GPU", 0) for node in nodes) > 0
        largest = int(max((node.get("CPU", 0) for node in nodes), default=0))
        self.threads = max(1, min(cpus // self.n_jobs, largest))
        self.needs = needs
        memory = max((node.get("memory", 0) for node in nodes), default=0)
        threads = max(1, *(int(config["threads"] or 1) for config in configs))
        if largest < threads or memory < needs:
            self.ray.shutdown()
            raise ConfigError(
                f"--engine ray: a run needs {threads} cores (the key threads) and about {needs / 1e9:.1f} GB; the "
                f"cluster's largest node has {largest} cores and {memory / 1e9:.1f} GB. Add a larger node, or say less."
            )
        root = Path(configs[0]["run_path"]).absolute()
        root.mkdir(parents=True, exist_ok=True)
        self.configs, self.root = configs, root
        home = plugins.mmrec_home and plugins.mmrec_home.absolute()
        plugins = Plugins(tuple(path.absolute() for path in plugins.plugin), home)
        data = {Path(config["data_path"]).absolute() / config["dataset"] for config in configs}
        reads = (*plugins.plugin, *sorted(path for path in data if path.is_dir()))  # a node makes the others itself
        self.sender = Sender(root / f".sender-{uuid.uuid4().hex}", Path.cwd(), plugins, reads)
        self.shipment: Any = None
        self.running: dict[Any, tuple[Job, int]] = {}

    def __enter__(self) -> OnRay:
        self.sender.token.touch()
        if not all(self._probe()):
            self._ship()
        return self

    def share(self, config: Config) -> Config:
        """As it is: what a task has is known when it is sent."""
        return config

    def _probe(self) -> list[bool]:
        """Whether each node has our folders."""
        strategy = self.ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        look = self.ray.remote(num_cpus=0)(sees)
        ids = [node["NodeID"] for node in self.ray.nodes() if node["Alive"]]
        refs = [look.options(scheduling_strategy=strategy(each, soft=False)).remote(self.sender) for each in ids]
        return self.ray.get(refs)

    def _ship(self) -> None:
        files = {"mmrec_configs": self.sender.folder / "mmrec_configs"}
        for config in self.configs:
            name = config["dataset"]
            files |= {f"{key}/{name}": Path(config[key]).absolute() / name for key in ("data_path", "cache_path")}
        files |= {f"plugins/{path.name}": path for path in self.sender.plugins.plugin}
        content = pack(files)
        log.info("ships %.0f MB to each node that does not see %s", len(content) / 1e6, self.root)
        self.sender = replace(self.sender, digest=hashlib.sha256(content).hexdigest()[:16])
        self.shipment = self.ray.put(content)

    def run(
        self, jobs: Iterator[Job], begin: Callable[[Job], None], at_most: int | None = None
    ) -> Iterator[tuple[Job, Outcome]]:
        """As `Engine` says; a job whose node dies is begun again elsewhere, and goes on where it was, if it can."""
        room, again = min(self.n_jobs, at_most or self.n_jobs), list[tuple[Job, int]]()
        while True:
            while again and len(self.running) < room:
                self._submit(*again.pop())
            while len(self.running) < room and (job := next(jobs, None)) is not None:
                self._submit(job, 1)
                begin(job)
            if not self.running:
                return
            for ref in self.ray.wait(list(self.running), num_returns=1)[0]:
                job, attempt = self.running.pop(ref)
                outcome = self._outcome(ref, job, attempt)
                if outcome is None:
                    again.append((replace(job, config=job.config.replaced(resume=True)), attempt + 1))
                    self._same[again[-1][0]] = self._same.get(job, job)
                else:
                    yield self._same.get(job, job), outcome

    @functools.cached_property
    def _same(self) -> dict[Job, Job]:
        """A job that was begun again -> as it was at first."""
        return {}

    def _submit(self, job: Job, attempt: int) -> None:
        config = job.config
        places = {key: str(Path(config[key]).absolute()) for key in PLACES}
        on_gpu = self.gpus and str(config["device"]) != "cpu"
        device = "cuda" if str(config["device"]).startswith("cuda") else config["device"]
        threads = int(config["threads"] or self.threads)
        config = config.replaced(**places, device=device, threads=threads, progress=False)
        task = self.ray.remote(perform_on_node).options(
            num_cpus=threads, num_gpus=int(on_gpu), memory=self.needs, max_retries=0
        )
        shipped = functools.partial(_fetch, [self.shipment])
        self.running[task.remote(job.work, config, self.sender, shipped)] = job, attempt

    def _outcome(self, ref: Any, job: Job, attempt: int) -> Outcome | None:
        """Of a job that has ended; None if it is to be begun again."""
        errors = self.ray.exceptions
        try:
            answer: Answer = self.ray.get(ref)
        except errors.OutOfMemoryError:
            return Outcome(
                error="its node ran out of memory, and Ray ended it. Fewer --jobs, or nodes with more memory."
            )
        except errors.RayTaskError as error:
            return Outcome(error=f"the node cannot run it: {str(error.cause).splitlines()[0]}", trace=str(error))
        except errors.RayError as error:
            if attempt < ATTEMPTS:
                log.warning("%s: its node or process died; it is begun again", job.name)
                return None
            return Outcome(error=f"its node or process died {ATTEMPTS} times: {str(error).splitlines()[0]}")
        if answer.runs is not None:
            self._bring_home(answer)
        return answer.outcome

    def _bring_home(self, answer: Answer) -> None:
        """Unpack runs that a node made where we cannot see them; what others are built on, once."""
        with tarfile.open(fileobj=io.BytesIO(answer.runs or b"")) as tar:
            names = [name.removesuffix("/run.json") for name in tar.getnames() if name.endswith("/run.json")]
        staging = self.root / f".brought-{uuid.uuid4().hex}"
        staging.mkdir()
        unpack(answer.runs or b"", staging)
        for name in names:
            (new,) = (run for run in find_runs(staging) if run.path == staging / name)
            key = ("settings_sha", "seed", "status")
            known = [[run.info.get(k) for k in key] for run in find_runs(self.root, new.info["dataset"])]
            if name == answer.result or [new.info.get(k) for k in key] not in known:
                home = self.root / name
                home.parent.mkdir(parents=True, exist_ok=True)
                new.path.rename(home)
        shutil.rmtree(staging)
        if answer.result is not None:
            answer.outcome.value = self.root / answer.result

    def __exit__(self, *error: object) -> None:
        try:
            for ref in self.running:
                self.ray.cancel(ref)
            if self.running:
                self.ray.wait(list(self.running), num_returns=len(self.running), timeout=SECONDS)
        finally:
            with contextlib.suppress(OSError):
                self.sender.token.unlink()
            self.ray.shutdown()


def _fetch(shipment: list[Any]) -> bytes:
    """What the sender ships; on a node."""
    import ray

    if shipment[0] is None:
        raise UserError("this node joined later and does not see the sender's folders. Start the command again.")
    return ray.get(shipment[0])
