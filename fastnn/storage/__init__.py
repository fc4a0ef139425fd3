"""Run directories: results on disk that outlive the process.

A folder holds

- ``lock``: a file that the writing process keeps locked;
- ``manifest.json``: the whole job, readable, with versions, machine and digests;
- ``data/``: the arrays of the job, such as X and y, as ``.npy`` files;
- ``shards/``: a folder for each chunk of restarts, named by the range of their indices, end
  excluded.  It holds the columns that are kept, ``statistics.npz``, and ``shard.json`` with the
  size and SHA-256 of each file and the digest of the job.

A shard is written under a temporary name; its files and its folder are flushed to disk (fsync),
then the folder is renamed, and the rename is flushed.  So a shard is either complete or absent,
whenever the process or the machine dies.

Only files and folders with a name of `atomic_files.temporary` are removed, from a shard only the
files that shards have, and no link is followed: ``data``, ``shards`` and ``lock`` are never links.
"""
