"""Campaigns as batch jobs: the chain of jobs, schedulers, submission, the state of the queue."""
