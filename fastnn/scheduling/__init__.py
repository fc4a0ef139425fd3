"""Who trains which restarts, and where the results come together."""
