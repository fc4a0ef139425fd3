"""What comes back: runs, statistics, summaries, figures, models."""
