"""PTMRec for MMRec: a recommender on frozen CLIP features, then CLIP tuned parameter-efficiently by what it learned."""

from mmrec_host.lazy_names import lazy_names

__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".encoders.dual": ["DualEncoder", "ENCODERS"],
        ".peft.base": ["Handle", "PEFT"],
        ".peft.blocks": ["lowest", "targets"],
        ".peft.own": ["OwnHandle", "attach"],
        ".ptmrec": ["PTMRec"],
        "mmrec_host.version": ["__version__"],
    },
)
