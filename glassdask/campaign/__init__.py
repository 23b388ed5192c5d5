"""The campaign file: models, fields, presets, reading and writing."""

from glassdask.campaign.campaign import Campaign, load
from glassdask.campaign.models import MODELS, Model
from glassdask.campaign.writing import PRESETS, new_campaign

__all__ = ["MODELS", "PRESETS", "Campaign", "Model", "load", "new_campaign"]
