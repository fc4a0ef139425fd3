"""Tables of text: CSV files, their targets, and scores of predictions."""
