"""Run directories: results on disk that outlive the process.

A folder holds

- ``lock``: a file that the one process that writes holds the lock on;
- ``manifest.json``: the whole job, readable, with versions, machine and digests;
- ``data/``: the arrays that the job names, such as X and y, as ``.npy`` files;
- ``shards/``: a folder for each chunk of restarts, named by their indices, the end not included.
  In it are the columns that were kept, ``statistics.npz``, and ``shard.json`` with the size and
  SHA-256 of each file and the digest of the job.

A shard is written under another name; its files and its folder are flushed to the disk (fsync), and
then the folder is renamed, and the rename flushed: either there is a whole shard or none, whenever
the process or the machine dies.

Only what has a name that `files.temporary` gives is removed again, of a shard only the files that
shards have, and no link is followed: ``data``, ``shards`` and ``lock`` are no links.
"""
