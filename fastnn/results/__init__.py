"""Results: runs, statistics, summaries, figures, models."""
