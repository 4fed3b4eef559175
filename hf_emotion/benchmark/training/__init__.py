"""Benchmarks that train: experiments over the columns of a paper's table."""
