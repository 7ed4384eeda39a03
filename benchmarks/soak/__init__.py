"""Hours of steady load: whether memory grows."""
