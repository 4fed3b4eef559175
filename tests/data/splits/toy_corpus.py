"""Generated corpora without audio, for tests of splits."""

import datasets

from hf_emotion.data.splits import PARTS


EMOTIONS = ("anger", "joy", "neutral", "sadness")


def corpus(num_speakers=10, per_emotion=5, emotions=EMOTIONS, name="toy", speaker_ids=True):
    """Speakers s00, s01 ...; even ones are female; each speaks every emotion `per_emotion` times."""
    rows = [
        {
            "utterance_id": f"{name}-{speaker:02d}-{emotion}-{number}",
            "corpus": name,
            "speaker_id": f"s{speaker:02d}" if speaker_ids else None,
            "gender": ("female", "male")[speaker % 2],
            "raw_label": emotion,
            "emotion": emotion,
        }
        for speaker in range(num_speakers)
        for emotion in emotions
        for number in range(per_emotion)
    ]
    return datasets.Dataset.from_list(rows)


def speakers(part):
    return set(part["speaker_id"])


def ids(parts):
    return {part: sorted(rows["utterance_id"]) for part, rows in parts.items()}


def assert_partition(parts, dataset):
    """Three parts, every utterance in exactly one of them, rows in their old order."""
    assert tuple(parts) == PARTS
    found = [utterance for rows in parts.values() for utterance in rows["utterance_id"]]
    assert sorted(found) == sorted(dataset["utterance_id"])
    order = {utterance: index for index, utterance in enumerate(dataset["utterance_id"])}
    for rows in parts.values():
        positions = [order[utterance] for utterance in rows["utterance_id"]]
        assert positions == sorted(positions)


def assert_no_shared_speaker(parts):
    assert not speakers(parts["train"]) & speakers(parts["test"])
    assert not speakers(parts["train"]) & speakers(parts["validation"])
    assert not speakers(parts["validation"]) & speakers(parts["test"])


def in_sessions(dataset, speakers_per_session=2):
    """Speakers s00 and s01 are in session Ses0, s02 and s03 in Ses1 ..."""
    return dataset.map(lambda row: {"session": f"Ses{int(row['speaker_id'][1:]) // speakers_per_session}"})


def official(**sizes):
    """Parts of the given numbers of speakers, all different."""
    start, parts = 0, {}
    for part, num_speakers in sizes.items():
        dataset = corpus(start + num_speakers)
        parts[part] = dataset.filter(lambda row, first=start: int(row["speaker_id"][1:]) >= first)
        start += num_speakers
    return datasets.DatasetDict(parts)
