"""Words that insult. A short list of plain insults in both languages, whole words only; profiles add theirs.
It is no classifier: what is meant badly in other words passes."""


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(phrase.strip() for phrase in text.replace("\n", ",").split(",") if phrase.strip())


INSULTS = _phrases(
    """asshole, bastard, bitch, bullshit, cunt, dickhead, dumbass, fuck, fucker, fucking, idiot, idiots,
    imbecile, moron, morons, motherfucker, piece of shit, retard, retarded, scumbag, shithead, shut up, slut,
    son of a bitch, whore,
    cabrón, cabrones, cabrona, cállate, capullo, gilipollas, hija de puta, hijo de puta, hijoputa, idiota,
    idiotas, imbécil, imbéciles, joder, maricón, mierda, payaso, puta, putas, puto, putos, subnormal,
    subnormales, tarado, vete a la mierda, zorra"""
)
