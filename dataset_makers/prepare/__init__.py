"""From public files or one's own tables to a dataset folder.

In this order: `read_options` says what is asked for, with what a named source fills in (`named_sources`); a source
(`amazon`, or `own_data`, each with `download`) gives rows of raw ids (`interaction_log`), of which the core is kept and
numbered; `split_rules` hold some of them out, unless the source has a split; the source describes the items that are
left (`items`), and `feature_rows` brings others' features into their order; `dataset_files` writes it all; `images/`
gathers the images that the items name. `preparation` leads through it, `faults` counts what was wrong on the way,
`report` says it, and `warnings` what makes the result of little use. `check/` says what a folder is.

Own data are read by `interactions_table` (with `conditions`) and `items_table`; `joins` and `leading_zeros` find which
ids belong together. What a file is, how its cells are written and what they mean is in `tables/`.
"""
