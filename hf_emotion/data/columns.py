"""The columns of every corpus, with their `datasets` types."""

import dataclasses
from typing import Any

import datasets


class AudioFile(datasets.Audio):
    """`datasets.Audio` that stores a `{path, bytes}` dict as it is.

    `Audio.encode_example` imports torchcodec even when there is nothing to encode (datasets 5.2), and without it no
    corpus could be prepared. Written to a file, the feature is a plain `Audio`, and it compares equal to one.
    """

    def encode_example(self, value: dict[str, Any]) -> dict[str, Any]:
        return {"bytes": value["bytes"], "path": value["path"]}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, datasets.Audio) and dataclasses.asdict(self) == dataclasses.asdict(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return super().__repr__().replace(type(self).__qualname__, datasets.Audio.__qualname__, 1)


# Columns of continuous ratings.
DIMENSIONS = ("arousal", "valence", "dominance")

_TEXT, _NUMBER = datasets.Value("string"), datasets.Value("float64")
FEATURES = datasets.Features(
    {
        "audio": AudioFile(decode=False),
        "utterance_id": _TEXT,
        "corpus": _TEXT,
        "language": _TEXT,
        "speaker_id": _TEXT,
        "gender": _TEXT,
        "session": _TEXT,
        "text": _TEXT,
        "raw_label": _TEXT,
        "emotion": _TEXT,
        "arousal_valence": _TEXT,
        "arousal": _NUMBER,
        "valence": _NUMBER,
        "dominance": _NUMBER,
        "votes": datasets.List({"label": _TEXT, "count": datasets.Value("int32")}),
        "duration": _NUMBER,
    }
)
COLUMNS = tuple(FEATURES)
