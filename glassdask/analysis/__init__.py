"""The work of the Dask stages: read the store, compute with `glassdask.physics`, write."""
