"""What several kinds of sources share: archives, documents that a listing makes, and who may see them."""
