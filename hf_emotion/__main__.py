"""`python -m hf_emotion` is the command line, also for `accelerate launch -m hf_emotion benchmark run ...`."""

from hf_emotion.cli.main import app


if __name__ == "__main__":
    app(prog_name="hf-emotion")
