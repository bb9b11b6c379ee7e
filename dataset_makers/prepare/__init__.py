"""From public files or one's own tables to a dataset folder.

In this order: `read_options` says what is asked for; a source (`amazon`, with `download`; or `own_data`, with
`own_tables` and `tables/`) gives rows of raw ids (`interaction_log`), of which the k-core is kept and numbered;
`split_rules` hold some of them out; the source describes the items that are left (`items`); `dataset_files` writes it
all; `images/` gathers the images that the items name. `preparation` leads through it, `faults` counts what was wrong on
the way, and `report` says it.
"""
