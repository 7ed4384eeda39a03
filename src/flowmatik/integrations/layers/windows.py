"""What is publicly known of models' windows: the list of `genai-prices`, as it is installed."""


def listed_window(model: str, *, provider_id: str = "", base_url: str = "") -> int | None:
    """In tokens, for prompt and answer together; None for a model that is not listed, or without one.
    `provider_id` is the list's own name of the provider, else `base_url` tells it. Blocking: the list
    takes 0.1 s to load."""
    if not provider_id and not base_url:
        return None
    from genai_prices import data_snapshot

    try:
        _, found = data_snapshot.get_snapshot().find_provider_model(
            model, None, provider_id or None, None if provider_id else base_url
        )
    except LookupError:
        return None
    return found.context_window or None
