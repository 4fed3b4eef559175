"""Named sets of corpora, as the ExHuBERT paper uses them (Amiriparian et al., Interspeech 2024, sections 2 and 4).

Membership: EmoSet is the 25 task names in the code of EmoNet plus IEMOCAP; EmoSet++ is the list on the ExHuBERT model
card. Which five corpora make up the paper's "83.7 % of EmoSet++" is not published. The five here are our derivation:
by their published sizes they give 83.7 % of the 150,907 utterances (126,325 with EmoSet's 84,181). So do other fives.
"""

_EMOSET = (
    "abc",
    "ad",
    "bes",
    "casia",
    "cve",
    "des",
    "demos",
    "ea_act",
    "ea_bmw",
    "ea_wsj",
    "emodb",
    "emofilm",
    "emotiw2014",
    "enterface",
    "eu_emoss",
    "fau_aibo",
    "gemep",
    "gvess",
    "iemocap",
    "mes",
    "meld",
    "ppmmk",
    "smartkom",
    "simis",
    "susas",
    "turkish_emo",
)
_EMOSET_PLUS_5 = ("esd", "mesd", "savee", "shemo", "tess")
_EMOSET_PLUS_PLUS = ("crema_d", "emovo", "eu_ev", "ravdess", "subesco", "urdu")

CORPUS_SETS: dict[str, tuple[str, ...]] = {
    "emoset": _EMOSET,
    "emoset_plus_5": (*_EMOSET, *_EMOSET_PLUS_5),
    "emoset_plus_plus": (*_EMOSET, *_EMOSET_PLUS_5, *_EMOSET_PLUS_PLUS),
    "exhubert_unseen": ("aesi", "asvp_esd", "jl_corpus", "mlend", "syntact", "vivae"),
}


def published_corpora() -> set[str]:
    """Names of all corpora that a set mentions, whether or not this version has a loader for them."""
    return {name for names in CORPUS_SETS.values() for name in names}
