"""`hf-emotion train`: the training script; on several GPUs, `accelerate launch -m hf_emotion.scripts.train`."""

import typer


def train(ctx: typer.Context) -> None:
    """Train on one corpus or many, in one process: train --config X.yaml [--field value]."""
    from hf_emotion.scripts.train import main

    main(ctx.args)
