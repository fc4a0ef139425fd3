"""Distribution of restarts to workers, and collection of the results."""
