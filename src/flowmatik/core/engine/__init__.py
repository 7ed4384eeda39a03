"""The runtime: carries out what the Brain decides, durably."""
