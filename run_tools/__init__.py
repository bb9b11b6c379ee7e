"""What uses a finished run: recommendations, new items, and a page to look at."""

from mmrec_host.lazy_names import lazy_names

__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".catalogue": ["Catalogue"],
        ".new_item": ["NewItem", "place"],
        ".recommendation": ["catalogue_of", "recommend", "similar"],
        "mmrec_host.version": ["__version__"],
    },
)
