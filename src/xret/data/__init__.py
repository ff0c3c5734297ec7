"""Data: what belongs together, read from somewhere, divided, and handed over in batches.

A source is a frozen dataclass in a file of its own, chosen by ``data=<file name>``. It has one method::

    load() -> Manifest    every row usable and with a split; broken rows under `rejected`

and may have another, for adaptation to a domain whose labels are not known::

    target_domain() -> source or None    the other domain, as ``target`` names it

`load` looks at names and sizes of media files and decodes none of them. From there:

    split      which group is train, val, test
    reading    a media file -> pixels, or one kind of error
    encoding   items -> features of a frozen encoder
    cache      features kept between runs
    sampler    which rows make a batch
    batch      rows -> tensors
"""
