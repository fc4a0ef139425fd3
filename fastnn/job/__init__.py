"""The training job as checked, plain data: building it, recording it, and what to keep of it."""
