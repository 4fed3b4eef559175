"""Predicting a share of the recordings of a job, in whatever process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .journal import Journal
from .recordings import Recording, gender_of
from .settings import PredictionSettings


if TYPE_CHECKING:
    from ..pipelines.recognizer import SpeechEmotionRecognizer


@dataclass(frozen=True)
class Share:
    """
    Recordings that one process predicts.

    Args:
        recordings (`Sequence[Recording]`): In the order of the work.
        settings ([`PredictionSettings`]): The model and its options.
        journal ([`Journal`]): Where each result goes at once.
        identity (`dict`, *optional*): Of model and options; `None` where no later job goes on with the results.
    """

    recordings: Sequence[Recording]
    settings: PredictionSettings
    journal: Journal
    identity: dict[str, Any] | None = None

    def part(self, index: int, num_parts: int) -> Share:
        """One of several shares of this one, which are disjoint and of similar size."""
        return replace(self, recordings=self.recordings[index::num_parts])

    @property
    def knows_genders(self) -> bool:
        """Whether there is anything to tell the gender of any speaker by."""
        told = (self.settings.gender, self.settings.gender_model, *(recording.gender for recording in self.recordings))
        return any(value is not None for value in told)

    def predict(self, recognizer: SpeechEmotionRecognizer) -> Iterator[dict[str, Any]]:
        """
        Results as they come, in the order of the recordings, each in the journal before it is yielded.

        Yields:
            `dict`: `{"file": ..., "error": ...}` of a recording that cannot be read, else `"file"`, what the
            recogniser returns, and in `"source"` what tells whether the result still holds.
        """
        with self.journal.new_part(recognizer.classes) as part:
            audio = (recording.audio for recording in self.recordings)
            uses_gender = "gender" in recognizer.conditioned_on
            gender = self._genders() if uses_gender else self.settings.gender
            results = recognizer(audio, on_error="return", gender=gender, **self.settings.call_options())
            for recording, result in zip(self.recordings, results, strict=True):
                row = {"file": recording.name, **({} if "error" in result else {"duration": None}), **result}
                if self.identity is not None and "error" not in row:
                    row["source"] = self._source(recording, uses_gender)
                part.append(row)
                yield row

    def _genders(self) -> list[str | None]:
        return [gender_of(recording) or self.settings.gender for recording in self.recordings]

    def _source(self, recording: Recording, uses_gender: bool) -> dict[str, Any]:
        file = {"bytes": recording.num_bytes, "modified_ns": recording.modified_ns}
        # without the key, the result is the same whatever manifests say
        return {**file, **({"gender": recording.gender} if uses_gender else {}), **(self.identity or {})}


def still_holds(row: dict[str, Any], recording: Recording, needs_embedding: bool) -> bool:
    """Whether the result of an earlier job is that of this recording as it is now."""
    if "error" in row or isinstance(recording.audio, bytes):
        return False
    results = row.get("channels", [row])
    if needs_embedding and not all("embedding" in result for result in results):
        return False
    source = row["source"]
    is_same_file = (source["bytes"], source["modified_ns"]) == (recording.num_bytes, recording.modified_ns)
    return is_same_file and source.get("gender", recording.gender) == recording.gender
