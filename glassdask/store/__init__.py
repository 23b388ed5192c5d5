"""The Zarr store: its groups, the records of the stages that wrote them, and locks."""
