"""The leaderboard of EMO-SUPERB: table, comparison, details and submissions."""
