"""What the product learns from how its work went."""
