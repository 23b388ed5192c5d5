"""The network: training and explanations. This file imports nothing, since torch loads slowly."""
