"""MMRec's models in this host, unmodified, and MMRec itself on today's libraries."""

from mmrec_host.lazy_names import lazy_names

__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".checkout": ["load_checkout", "mmrec_checkout"],
        ".model": ["MMRecModel"],
        ".shims": ["mmrec_shims"],
        "mmrec_host.version": ["__version__"],
    },
)
