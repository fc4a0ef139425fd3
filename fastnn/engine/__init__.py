"""The way from a job to compiled kernels and back: launch records, chunks, evaluation."""
