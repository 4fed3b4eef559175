"""Predictions and labels that others have made: read with care, checked, scored."""
