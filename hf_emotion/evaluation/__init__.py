"""From predictions to scores: report, fairness, calibration, comparison, robustness, latency, and their figures."""
