"""Campaigns as jobs of a Slurm cluster: what to submit, submitting it, what the queue says."""
