"""Elementary functions of lane vectors, with the same bits on every processor."""
