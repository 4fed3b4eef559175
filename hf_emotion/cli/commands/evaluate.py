"""`hf-emotion evaluate`: the evaluation script."""

import typer


def evaluate(ctx: typer.Context) -> None:
    """Score a model on corpora, or a table of predictions: evaluate --model DIR [--corpora NAME --data_dir DIR]."""
    from hf_emotion.scripts.evaluate import main

    main(ctx.args)
