"""Versions and channels: traffic weights, promotions and what came of them, files for Git, signed bundles."""
