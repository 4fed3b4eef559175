"""Figures that papers report, one table per paper: a row per system, a column per setting."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ..cells import slug
from ..results.entries import Entry


_FOLDER = Path(__file__).parent
_SYSTEM, _PARAMETERS = "system", "num_parameters"
# Where the figures are printed.
SOURCES = {
    "emo_superb": "Wu, Chou et al.: Open-Emotion, a reproducible EMO-SUPERB, IEEE SLT 2024, Tables 3 and 4",
    "exhubert_table_1": "Amiriparian et al.: ExHuBERT, Interspeech 2024, Table 1",
    "exhubert_table_2": "Amiriparian et al.: ExHuBERT, Interspeech 2024, Table 2",
    "lora_table_3": "Efficient fine-tuning approaches on HuBERT for speech emotion recognition on multiple labels, "
    "Table 3 and, for macro-F1 and UAR, the confusion matrices of Tables 4 to 6",
    "wavlm_msp_podcast": "Diatlova et al.: Adapting WavLM for speech emotion recognition, Odyssey 2024, by a summary",
}
_MULTI_LABEL = ("emo_superb",)
# Tables in percent; the others are shares.
IN_PERCENT = frozenset({"exhubert_table_1", "exhubert_table_2"})
# What a reader of the figures must know, the mistakes in print included. Averages are always ours, of the figures.
NOTES: dict[str, tuple[str, ...]] = {
    "emo_superb": (
        "The paper trains 200 epochs, its released code 20 to 110. Every figure is of a single training, so that "
        "nothing is known of its spread.",
        "The paper's figures seem to be means over batches, which are lower than ours, over whole test parts: FBANK's "
        "are, in all five settings whose label files can be had. `hf-emotion benchmark analysis` shows ours as both.",
    ),
    "exhubert_table_1": (
        "The paper publishes neither its splits nor its 106 labels in six classes, so test parts and classes may "
        "differ.",
        "Whisper Large v3 has the average 41.4 in the paper's table, but 41.1 in its text.",
        "The text says that all corpora profit from more corpora; EMO-DB and eNTERFACE fall with EmoSet+5, and "
        "EmotiW-2014 and MES from EmoSet+5 to EmoSet++.",
    ),
    "exhubert_table_2": (
        "The paper publishes neither its splits nor which labels it used on these corpora.",
        "Printed averages that its own figures contradict: W2V2 Emotion 52.1 (54.7) and W2V2 XLS-R 54.7 (52.1) are "
        "exchanged, ExHuBERT L LS960 61.3 (64.0), HuBERT L ES++ 71.1 (71.0), ExHuBERT XL ES++ 42.0 (41.9).",
        "So expanded blocks do not lower the average without EmoSet++ (63.3 to 64.0), as the text says.",
        "The 664.18 M trainable parameters of the non-frozen model are those of XL; it has 638.99 M.",
    ),
    "lora_table_3": (
        "The F1-score of the paper equals its accuracy: it is micro-F1. How the EER of eight classes is formed is not "
        "given; ours is the mean over classes of one against the others.",
        "Its test part is a random fifth of all utterances (2,432), whose speakers are all in the training as well.",
        "Macro-F1 and UAR are computed from its confusion matrices, which are those of integer counts.",
    ),
    "wavlm_msp_podcast": (
        "Figures of a summary, not of the paper itself. The genders of the test part were machine-made; release, test "
        "part and classes are not given.",
    ),
}


def reported_table(name: str) -> pd.DataFrame:
    """
    The figures of a paper.

    Args:
        name (`str`): Name of the table, such as `"emo_superb"`.

    Returns:
        `pd.DataFrame`: Scores by system (index) and setting (columns); NaN where nothing is printed. Parameters in
        millions are in `num_parameters`, where they are known: all of them, in `exhubert_table_2` the trained ones.

    Raises:
        ValueError: There is no such table.

    Example:

    ```python
    >>> float(reported_table("emo_superb").loc["FBANK", "CREMA-D"])
    0.144

    ```
    """
    path = _FOLDER / f"{name}.csv"
    if name not in SOURCES or not path.is_file():
        raise ValueError(f"There are no reported figures {name!r}; there are {', '.join(sorted(SOURCES))}.")
    return pd.read_csv(path, index_col=_SYSTEM)


def reported_entries(name: str) -> list[Entry]:
    """
    The figures of a paper as rows of a leaderboard, marked as reported.

    Raises:
        ValueError: There is no such table, or its figures are not multi-label macro-F1.
    """
    table = reported_table(name)
    if name not in _MULTI_LABEL:
        raise ValueError(f"The figures {name!r} are no multi-label macro-F1, which leaderboards have.")
    settings = [column for column in table.columns if column != _PARAMETERS]
    return [
        Entry(
            id=f"reported-{slug(str(system))}",
            system=str(system),
            origin="reported",
            protocol=name,
            settings={column: {"macro_f1": float(row[column])} for column in settings if pd.notna(row[column])},
            num_parameters=float(row[_PARAMETERS]) if pd.notna(row.get(_PARAMETERS)) else None,
            facts={"paper": SOURCES[name]},
        )
        for system, row in table.iterrows()
    ]
