"""The embedded host: an MMRec-compatible toolkit.

`quick_start` is imported from the module of its name, as in MMRec: `from mmrec_host.quick_start import quick_start`.
"""

from .lazy_names import lazy_names

__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".config": ["Config", "load_config"],
        ".data.dataset": ["Dataset", "MAKERS", "load_dataset"],
        ".data.features": ["FEATURES", "Features"],
        ".errors": ["ConfigError", "DataError", "UserError"],
        ".evaluation.metrics": ["METRICS"],
        ".models.base": ["MODELS", "Recommender"],
        ".reporting.render": ["render"],
        ".reporting.tables": ["results_table"],
        ".runs.finished_run": ["FinishedRun", "open_run"],
        ".runs.record": ["RunRecord", "find_runs"],
        ".version": ["__version__"],
    },
)
