"""Physics on NumPy arrays: one configuration in, numbers out."""
