"""Quantities of one configuration or trajectory, on NumPy arrays and on labelled ones."""
