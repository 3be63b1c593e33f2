"""Training data: pools on disk, mixtures drawn on the fly, fixed validation and test sets."""
