"""Fitted figures: `python -m benchmarks.extractive.fit` prints them from questions that nobody here
wrote, those on the articles with even numbers. Nothing else of that data set is in the product."""

# Which words are the answer: the weight of each field of Clues, and of Evidence for their sentence.
WORD = {
    "asked": -1.64,
    "bare": -1.16,
    "near": 3.58,
    "kind": 2.92,
    "kind_near": 2.96,
    "name": 0.7,
    "name_near": 2.34,
    "figure": 0.44,
    "after": 0.35,
    "focus": 1.77,
}
SENTENCE = {
    "own": 1.97,
    "near": 1.65,
    "around": 1.58,
    "soft": 4.52,
    "window": 2.66,
    "tail": 0.33,
    "rank": 7.73,
}
# Whether any does: the weight of each field of Grounds, and the sum from which an answer is given.
TRUST = {
    "own": 2.37,
    "around": 3.14,
    "pairs": 2.33,
    "misfit": -1.21,
    "named": 1.35,
    "hints": 4.71,
    "ahead": 4.26,
}
TRUSTED = 4.26
