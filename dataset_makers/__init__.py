"""What makes dataset folders: `mini`, generated, and `prepare`, from public files or one's own tables."""

from mmrec_host.lazy_names import lazy_names

__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".mini.dataset": ["make_mini"],
        ".prepare.missing": ["require_prepared"],
        "mmrec_host.version": ["__version__"],
    },
)
