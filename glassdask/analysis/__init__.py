"""The work of the Dask stages: physics on what the store holds."""
