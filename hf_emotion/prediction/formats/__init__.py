"""The forms of predictions: a table on the terminal, JSON lines, CSV, Parquet, RTTM, labels of Audacity, TextGrid."""
