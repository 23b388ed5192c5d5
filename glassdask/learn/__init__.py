"""The network: training it, and explaining it by Grad-CAM. Nothing is imported here: torch is slow."""
