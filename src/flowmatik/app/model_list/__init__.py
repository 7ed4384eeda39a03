"""`models.yaml` of a home: which models there are, under which names, and who stands in for whom."""

from flowmatik.app.model_list.reading import Listed, Surroundings, listed_in, read_model_list

__all__ = ["Listed", "Surroundings", "listed_in", "read_model_list"]
