"""Conversations: what people and agents say to each other, and which run answers what."""
