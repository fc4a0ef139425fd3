"""A training job as plain data, checked: how it is built, recorded, and what is kept of it."""
