"""The stages, one file each, and commands on all stages: run, plan, status, replay."""
