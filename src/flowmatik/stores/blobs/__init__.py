"""Stores of blobs: a folder of files, and whatever speaks S3's protocol."""
