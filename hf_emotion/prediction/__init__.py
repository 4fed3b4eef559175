"""Predictions for whole folders of recordings: finding them, a job that resumes, and the files that it writes."""
