"""PTMRec for MMRec: a recommender trained on frozen CLIP features, then CLIP tuned parameter-efficiently by what it learned."""
