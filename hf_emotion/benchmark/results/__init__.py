"""Rows of a leaderboard, and where they are kept."""
