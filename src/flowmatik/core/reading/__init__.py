"""How texts are read, in English and Spanish: words, sentences, figures, dates. Pure."""
