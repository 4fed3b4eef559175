"""`hf-emotion corpora synthesize`."""

from pathlib import Path
from typing import Annotated

import typer


def synthesize(
    output_dir: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write into.", show_default=False)],
    seed: Annotated[int, typer.Option("--seed", help="Changes voices, sentences and every variation.")] = 0,
    speakers_per_corpus: Annotated[
        int, typer.Option("--speakers_per_corpus", min=1, help="Speakers of each corpus.")
    ] = 8,
    utterances_per_emotion: Annotated[
        int, typer.Option("--utterances_per_emotion", min=1, help="Utterances per speaker and emotion.")
    ] = 5,
) -> None:
    """Write four synthetic corpora of parametric emotional speech, each with a manifest.csv. Needs no network."""
    from hf_emotion.data.synthetic import SYNTHETIC_CORPORA, generate_synthetic_corpora

    for name in SYNTHETIC_CORPORA:
        folder = generate_synthetic_corpora(
            output_dir,
            seed=seed,
            speakers_per_corpus=speakers_per_corpus,
            utterances_per_emotion=utterances_per_emotion,
            corpora=[name],
        )[name]
        num_utterances = len(list((folder / "audio").iterdir()))
        print(f"{name:<16} {num_utterances:>5} utterances  {folder / 'manifest.csv'}", flush=True)
