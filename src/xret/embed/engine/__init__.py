"""Engines: shards in, what is made of each of them out.

An engine is chosen by ``embed/engine=<file name>`` and is called as::

    engine(make, shards) -> iterator of what ``make`` gives, in any order

    make    (shard, readers) -> result; can be pickled. It may read files with so many processes of its own
    shards  descriptions of the work, which can be pickled

It knows nothing of vectors: who called it writes the results down as they come, so that what is done stays done. When
the iterator is closed or ends, none of its processes is left.
"""
