"""`train` and `explain` again over other settings, and how the correlations move."""
