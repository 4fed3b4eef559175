"""A first version of a corpus file and of its test, which pass as they are and wait to be filled in."""

import keyword
import re
from pathlib import Path
from string import Template

from datasets.naming import snakecase_to_camelcase

from ..data.corpus_sets import CORPUS_SETS
from ..data.loading import list_corpora


_CORPUS = Template('''"""$full_name: say in a sentence who speaks what."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files
from hf_emotion.data.corpus import Corpus, EmotionCorpus, Utterance


# Searched in the path without its suffix.
STEM = re.compile(r"/(?P<speaker>[fm]\\d\\d)_(?P<emotion>angry|neutral)_(?P<number>\\d+)$$")


class $class_name(EmotionCorpus):
    """$full_name. Say what the raw labels are."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="$name",
        full_name="$full_name",
        languages=("$language",),
        # every label as the corpus writes it, and the canonical emotion that it means (hf_emotion/emotions.py)
        labels={"angry": "anger", "neutral": "neutral"},
        how_to_obtain="say what a user has to do to get the archive",
        layout="wav/<speaker>_<emotion>_<number>.wav",
        # leave out what you do not know: licence, access, homepage, citation, doi, kind, num_utterances, num_speakers,
        # sampling_rate, label_counts, sets, published_splits
        pitfalls=(),
    )

    def utterances(self, root: Path):
        for path, name in named_audio_files(root, STEM):
            yield Utterance(
                path=path,
                raw_label=name["emotion"],
                speaker_id=name["speaker"],
                gender="female" if name["speaker"].startswith("f") else "male",
            )
''')
_TEST = Template('''"""$full_name: say what is special about its archive."""

from tests.dataset_scripts.corpus_case import CorpusCase


class Test$class_name(CorpusCase):
    name = "$name"
    # a few files for every label and several speakers, with the published names
    files = tuple(f"wav/{who}_{emotion}_1.wav" for who in ("f01", "f02", "m01") for emotion in ("angry", "neutral"))
    expected = {
        "m01_angry_1": {"raw_label": "angry", "emotion": "anger", "speaker_id": "m01", "gender": "male"},
    }
''')


def write_corpus_skeleton(name: str, root: Path, full_name: str | None = None, language: str = "en") -> list[Path]:
    """
    Write `dataset_scripts/<name>.py` and `tests/dataset_scripts/test_<name>.py`. They pass their tests as they are.

    Args:
        name (`str`):
            Name of the corpus: lower case, digits and underscores, starting with a letter.
        root (`Path`):
            A clone of hf-emotion.
        full_name (`str`, *optional*):
            Name as published; the name by default.
        language (`str`, *optional*, defaults to `"en"`):
            BCP 47 tag.

    Returns:
        `list[Path]`: The two files.

    Raises:
        `ValueError`: If the name cannot be used.
        `FileExistsError`: If one of the files exists.
        `FileNotFoundError`: If `root` is no clone.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise ValueError(
            f"{name!r} cannot name a corpus: use lower case, digits and single underscores, as in crema_d."
        )
    if name in {*list_corpora(), *CORPUS_SETS, "manifest"}:
        raise ValueError(f"{name!r} is taken; see `hf-emotion corpora list` and `--sets`.")
    files = {
        root / "dataset_scripts" / f"{name}.py": _CORPUS,
        root / "tests" / "dataset_scripts" / f"test_{name}.py": _TEST,
    }
    for path in files:
        if not path.parent.is_dir():
            raise FileNotFoundError(
                f"There is no folder {path.parent}. Run this in a clone of hf-emotion, or name one."
            )
        if path.exists():
            raise FileExistsError(f"{path} exists; it is not overwritten.")
    facts = {
        "name": name,
        "class_name": snakecase_to_camelcase(name),
        "full_name": (full_name or name).replace('"', "'"),
        "language": language,
    }
    for path, template in files.items():
        path.write_text(template.substitute(facts), encoding="utf-8")
    return list(files)
