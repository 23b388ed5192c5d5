"""Physical quantities of configurations and trajectories, on NumPy arrays and labelled arrays."""
