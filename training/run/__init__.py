"""A training run: its batches, its steps, its processes, what it says of itself."""
