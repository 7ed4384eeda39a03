"""What pictures cost."""

from flowmatik.contracts.images import Image

LEAST_TOKENS = 6_500
MOST_TOKENS = 25_000
DEAR = "4o-mini"  # counts 2,833 and 5,667 for each of up to eight tiles
DEAREST_TOKENS = 50_000
PATCH = 14  # pixels; no vendor's patches are smaller


def image_tokens(image: Image, model: str) -> int:
    """No vendor counts more for a picture of this size.

    By their guides (OpenAI, Anthropic, Google, Mistral, 2026) it is a token for each patch of at least 14
    pixels square and one for each row of them, or a few hundred for each tile of 512 or 768, or one for 750
    pixels; all make large pictures smaller before: no more than 24,600 are counted (10,000 patches of 32
    pixels at 2.46 each). Small ones may be made larger: Llama 3.2 counts 6,404 for its four tiles.
    """
    if DEAR in model:
        return DEAREST_TOKENS
    columns, rows = -(-image.width // PATCH), -(-image.height // PATCH)
    return min(MOST_TOKENS, max(LEAST_TOKENS, rows * (columns + 1)))
