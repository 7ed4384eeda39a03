"""Code of models and of skill folders, run where it can do no harm."""
