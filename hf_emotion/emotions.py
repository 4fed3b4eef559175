"""Canonical emotions, their aliases, and the six arousal x valence classes of EmoSet++ (standard library only).

Every corpus writes its labels in its own way. A corpus file maps them to the *canonical emotions* below; each
canonical emotion has a place in the arousal (low, high) x valence (negative, neutral, positive) plane, which gives the
six classes that ExHuBERT was trained on (Amiriparian et al., Interspeech 2024, section 2). The official mapping of its
106 labels was not published: `Emotion.source` says for each emotion where its place comes from, and `AV_SOURCES` what
that source is.

Example:

```python
>>> from hf_emotion.emotions import arousal_valence_class, canonical_emotion
>>> canonical_emotion("Angry")
'anger'
>>> arousal_valence_class("angry")
'high_negative'
>>> arousal_valence_class("other") is None
True

```
"""

from dataclasses import dataclass

from .suggestions import did_you_mean


# Order of the outputs of the published ExHuBERT checkpoint, class 0 to class 5.
AROUSAL_VALENCE_CLASSES = (
    "low_negative",
    "low_neutral",
    "low_positive",
    "high_negative",
    "high_neutral",
    "high_positive",
)

AV_SOURCES: dict[str, str] = {
    "exhubert_card": "one of the six example emotions printed on the ExHuBERT model card",
    "derived_from_card_joy": "happiness read as a synonym of joy, an example emotion of the ExHuBERT model card",
    "keesing_2020": "lists of positive arousal and positive valence for DEMoS, EMO-DB, eNTERFACE and SAVEE in the "
    "history of Strong-AI-Lab/emotion (emotion_recognition/corpora.py before commit 5aec7b9)",
    "asru2009_recalled": "Schuller et al., Acoustic emotion recognition: a benchmark comparison of performances, ASRU "
    "2009, doi 10.1109/ASRU.2009.5372886: binary mapping, recalled from the literature, not re-read",
    "gemep_design_recalled": "arousal x valence design of GEMEP, recalled from the literature, not re-read",
    "is2009_2class": "two-class task (NEG, IDL) of the INTERSPEECH 2009 Emotion Challenge",
    "vivae_design": "design of VIVAE: three positive states (achievement, sexual pleasure, surprise), three negative "
    "(anger, fear, pain)",
    "derived": "assigned by this package from Russell's circumplex of affect",
    "user": "overridden by the user",
}


@dataclass(frozen=True)
class Emotion:
    """
    One canonical emotion and its place in the arousal x valence plane.

    Args:
        name (`str`):
            Canonical name, lower case with underscores.
        arousal (`str`, *optional*):
            `"low"` or `"high"`; `None` if the emotion has no agreed place.
        valence (`str`, *optional*):
            `"negative"`, `"neutral"` or `"positive"`; `None` if the emotion has no agreed place.
        source (`str`, *optional*):
            Where the place comes from: a key of `AV_SOURCES`; `None` if there is no place.
        note (`str`, *optional*):
            What a careful user should know about the placement.
    """

    name: str
    arousal: str | None
    valence: str | None
    source: str | None
    note: str | None = None

    @property
    def arousal_valence(self) -> str | None:
        """Name of the arousal x valence class, such as `"high_negative"`; `None` unless both coordinates are known."""
        if self.arousal is None or self.valence is None:
            return None
        return f"{self.arousal}_{self.valence}"


_EMOTIONS = (
    Emotion("anger", "high", "negative", "exhubert_card"),
    Emotion("disgust", "low", "negative", "exhubert_card"),
    Emotion("neutral", "low", "neutral", "exhubert_card"),
    Emotion("kindness", "low", "positive", "exhubert_card"),
    Emotion(
        "surprise",
        "high",
        "neutral",
        "exhubert_card",
        note="Keesing/ASRU binary schemes put surprise at high arousal, positive valence",
    ),
    Emotion("joy", "high", "positive", "exhubert_card"),
    Emotion("happiness", "high", "positive", "derived_from_card_joy", note="synonym of joy for the six-class mapping"),
    Emotion("fear", "high", "negative", "keesing_2020"),
    Emotion("sadness", "low", "negative", "keesing_2020"),
    Emotion("boredom", "low", "negative", "keesing_2020"),
    Emotion("guilt", "low", "negative", "keesing_2020"),
    Emotion("contempt", "low", "negative", "derived"),
    Emotion("calm", "low", "positive", "derived", note="RAVDESS calm is a second baseline; some map it to neutral"),
    Emotion("pleasant_surprise", "high", "positive", "derived"),
    Emotion("excitement", "high", "positive", "derived"),
    Emotion("frustration", "high", "negative", "derived"),
    Emotion(
        "anxiety",
        "high",
        "negative",
        "derived",
        note="low arousal in the design of GEMEP, high in Russell's circumplex (tense, afraid): choose per corpus",
    ),
    Emotion("depression", "low", "negative", "derived"),
    Emotion("disappointment", "low", "negative", "derived"),
    Emotion("annoyance", "high", "negative", "derived"),
    Emotion("confusion", "high", "negative", "derived"),
    Emotion("concern", "high", "negative", "derived"),
    Emotion("amusement", "high", "positive", "gemep_design_recalled"),
    Emotion("relaxation", "low", "positive", "derived"),
    Emotion("shame", "low", "negative", "derived"),
    Emotion("jealousy", "high", "negative", "derived"),
    Emotion("joking", "high", "positive", "derived"),
    Emotion("pride", "high", "positive", "gemep_design_recalled"),
    Emotion("interest", "low", "positive", "gemep_design_recalled"),
    Emotion("hurt", "low", "negative", "derived"),
    Emotion("sneakiness", "low", "negative", "derived"),
    Emotion("unfriendliness", "low", "negative", "derived"),
    Emotion("worry", "high", "negative", "derived"),
    Emotion("apology", "low", "negative", "derived"),
    Emotion("assertiveness", "high", "neutral", "derived"),
    Emotion("encouragement", "high", "positive", "derived"),
    Emotion("pain", "high", "negative", "derived"),
    Emotion("pleasure", "low", "positive", "gemep_design_recalled"),
    Emotion("achievement", "high", "positive", "derived"),
    Emotion("tenderness", "low", "positive", "derived"),
    Emotion("admiration", "high", "positive", "derived"),
    Emotion("despair", "high", "negative", "gemep_design_recalled"),
    Emotion("elation", "high", "positive", "gemep_design_recalled"),
    Emotion("relief", "low", "positive", "gemep_design_recalled"),
    Emotion("irritation", "low", "negative", "gemep_design_recalled"),
    Emotion("cold_anger", "low", "negative", "derived"),
    Emotion("hot_anger", "high", "negative", "gemep_design_recalled"),
    Emotion("panic_fear", "high", "negative", "gemep_design_recalled"),
    Emotion("motherese", "low", "positive", "derived"),
    Emotion("touchy", "high", "negative", "derived"),
    Emotion("reprimanding", "high", "negative", "derived"),
    Emotion("helplessness", "high", "negative", "asru2009_recalled"),
    Emotion(
        "pondering",
        "low",
        "neutral",
        "asru2009_recalled",
        note="ASRU 2009 binary: low arousal, positive valence (no neutral there)",
    ),
    Emotion("aggressiveness", "high", "negative", "asru2009_recalled"),
    Emotion("cheerfulness", "high", "positive", "asru2009_recalled"),
    Emotion("intoxication", "high", "positive", "asru2009_recalled"),
    Emotion("nervousness", "high", "negative", "asru2009_recalled"),
    Emotion("tiredness", "low", "negative", "asru2009_recalled"),
    Emotion("emphatic", "high", "negative", "is2009_2class", note="IS2009 two-class task puts emphatic into NEG"),
    Emotion("positive_rest", "low", "positive", "derived"),
    Emotion("high_stress", "high", "negative", "asru2009_recalled"),
    Emotion(
        "medium_stress",
        "high",
        None,
        "asru2009_recalled",
        note="ASRU 2009 binary scheme: high arousal, positive valence; valence left null for a three-way scheme",
    ),
    Emotion("screaming", "high", "negative", "asru2009_recalled"),
    Emotion("impatience", "high", "negative", "derived"),
    Emotion("enthusiasm", "high", "positive", "derived"),
    Emotion("sarcasm", "low", "negative", "derived"),
    Emotion("sleepiness", "low", "neutral", "derived"),
    Emotion("other", None, None, None, note="no arousal x valence class: left out of the six-class task"),
    Emotion("unknown", None, None, None, note="no arousal x valence class: left out of the six-class task"),
    Emotion("rest", None, None, None, note="no arousal x valence class: left out of the six-class task"),
    Emotion("question", None, None, None, note="no arousal x valence class: left out of the six-class task"),
    Emotion("breath", None, None, None, note="no arousal x valence class: left out of the six-class task"),
)

EMOTIONS: dict[str, Emotion] = {emotion.name: emotion for emotion in _EMOTIONS}

# Other words for a canonical emotion, as corpora and users write them (lower case, underscores).
_ALIASES: dict[str, str] = {
    "afraid": "fear",
    "aggressive": "aggressiveness",
    "amused": "amusement",
    "angry": "anger",
    "annoyed": "annoyance",
    "anxious": "anxiety",
    "apologetic": "apology",
    "ashamed": "shame",
    "assertive": "assertiveness",
    "bored": "boredom",
    "calmness": "calm",
    "cheerful": "cheerfulness",
    "concerned": "concern",
    "confused": "confusion",
    "contemptuous": "contempt",
    "depressed": "depression",
    "desperate": "despair",
    "disappointed": "disappointment",
    "disgusted": "disgust",
    "elated": "elation",
    "encouraging": "encouragement",
    "enthusiastic": "enthusiasm",
    "excited": "excitement",
    "fearful": "fear",
    "frustrated": "frustration",
    "guilty": "guilt",
    "happy": "happiness",
    "helpless": "helplessness",
    "impatient": "impatience",
    "interested": "interest",
    "intoxicated": "intoxication",
    "irritated": "irritation",
    "jealous": "jealousy",
    "joyful": "joy",
    "kind": "kindness",
    "nervous": "nervousness",
    "neutrality": "neutral",
    "pleasantly_surprised": "pleasant_surprise",
    "proud": "pride",
    "relaxed": "relaxation",
    "relieved": "relief",
    "sad": "sadness",
    "sarcastic": "sarcasm",
    "scared": "fear",
    "scream": "screaming",
    "sleepy": "sleepiness",
    "sneaky": "sneakiness",
    "surprised": "surprise",
    "tender": "tenderness",
    "tired": "tiredness",
    "unfriendly": "unfriendliness",
    "worried": "worry",
}


def canonical_emotion(name: str) -> str:
    """
    Canonical name of an emotion; case, spaces, hyphens and aliases do not matter.

    Args:
        name (`str`):
            Canonical name or alias, for example `"anger"`, `"Angry"` or `"pleasant surprise"`.

    Returns:
        `str`: A key of `EMOTIONS`.

    Raises:
        `ValueError`: If the word has no canonical meaning. The message proposes the closest ones.
    """
    word = "_".join(name.strip().lower().replace("-", " ").replace("_", " ").split())
    word = _ALIASES.get(word, word)
    if word in EMOTIONS:
        return word
    hint = did_you_mean(word, [*EMOTIONS, *_ALIASES]).rstrip() or "Known: see `EMOTIONS`."
    raise ValueError(f"{name!r} is not a canonical emotion or an alias of one. {hint}")


def arousal_valence_class(emotion: str) -> str | None:
    """
    Arousal x valence class of an emotion.

    Args:
        emotion (`str`):
            Canonical name or alias.

    Returns:
        `str` or `None`: One of `AROUSAL_VALENCE_CLASSES`; `None` for an emotion without a place (`"other"`).

    Raises:
        `ValueError`: If the word has no canonical meaning.
    """
    return EMOTIONS[canonical_emotion(emotion)].arousal_valence
