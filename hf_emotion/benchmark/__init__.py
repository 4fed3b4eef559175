"""Benchmarks of papers: protocols, grids of cells that survive kills, tables beside the paper's, submissions."""
