"""Benchmarks: how good and how fast the parts are, run by hand, with the figures in each folder's README."""
