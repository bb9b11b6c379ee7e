"""PTMRec for MMRec: a recommender on frozen CLIP features, then CLIP tuned parameter-efficiently by what it learned."""
