"""Tests of pools, units of work and lost COMMITs."""
