"""How long it takes to prepare a corpus of many small files, and how much memory, next to what one does without us.

    python benchmarks/prepare_corpus.py                       # 100,000 files of one second (3.2 GB), some minutes
    python benchmarks/prepare_corpus.py --rounds 3 --cold

Every arm is a process of its own that starts with nothing but the files: its time includes the imports, its memory is
the peak of resident memory. On a machine that does other work as well, look at the CPU time.

* ours: labels, speakers and durations by an `EmotionCorpus`, kept as a table
* ours, killed and resumed: killed (SIGKILL) when half of the headers had been read; the time of the second process
* ours, again: the table is cached
* audiofolder: `load_dataset("audiofolder")`, which gives paths and folder names, no durations
* soundfile.info: a loop over the files, their names and `soundfile.info`, and `Dataset.from_list`

The files are read from memory where the machine has enough of it to keep what was just written; `--cold` makes the
kernel forget them before every arm. `audiofolder` imports torchcodec though it decodes nothing; where torchcodec
cannot be imported, an empty stand-in takes its place.
"""

import argparse
import json
import os
import re
import resource
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa


SAMPLING_RATE = 16_000
NAME = re.compile(r"/(?P<speaker>s\d{2})_(?P<emotion>[ANS])_\d{7}$")
LABELS = {"A": "anger", "N": "neutral", "S": "sadness"}


def write_files(folder: Path, num_files: int) -> None:
    """Write distinct one-second wav files, 16 kHz, 16 bit, of 100 speakers."""
    samples = np.random.default_rng(0).integers(-8000, 8000, SAMPLING_RATE, dtype="<i2").tobytes()
    data = struct.pack("<4sI", b"data", len(samples))
    pcm = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, SAMPLING_RATE, 2 * SAMPLING_RATE, 2, 16)
    header = struct.pack("<4sI4s", b"RIFF", 4 + len(pcm) + len(data) + len(samples), b"WAVE") + pcm + data
    for number in range(num_files):
        speaker = folder / f"s{number % 100:02d}"
        if number < 100:
            speaker.mkdir(parents=True)
        name = f"s{number % 100:02d}_{'ANS'[number % 3]}_{number:07d}.wav"
        (speaker / name).write_bytes(header + struct.pack("<I", number) + samples[4:])


def prepare(folder: Path, cache_dir: Path) -> tuple[int, float]:
    """Our arm: number of rows and seconds of audio."""
    from hf_emotion.data.archive import named_audio_files
    from hf_emotion.data.corpus import Corpus, EmotionCorpus, Utterance

    class NumberedClips(EmotionCorpus):
        """Files called <speaker>_<emotion>_<number>."""

        facts = Corpus(name="numbered_clips", full_name="Numbered clips", languages=("en",), labels=LABELS)

        def utterances(self, root: Path):
            for path, name in named_audio_files(root, NAME):
                yield Utterance(path=path, raw_label=name["emotion"], speaker_id=name["speaker"])

    rows = NumberedClips(data_dir=folder, cache_dir=cache_dir).load("train")
    return len(rows), sum(rows["duration"])


def audiofolder(folder: Path, cache_dir: Path) -> tuple[int, float]:
    """`load_dataset("audiofolder")`: number of rows; durations are not known."""
    import datasets

    rows = datasets.load_dataset("audiofolder", data_dir=str(folder), cache_dir=str(cache_dir), split="train")
    return len(rows), 0.0


def soundfile_loop(folder: Path, cache_dir: Path) -> tuple[int, float]:
    """A loop over the files, kept with `save_to_disk`: number of rows and seconds of audio."""
    import datasets
    import soundfile

    rows = []
    for path in sorted(folder.rglob("*.wav")):
        name = NAME.search(path.with_suffix("").as_posix())
        duration = soundfile.info(path).duration
        rows.append({"path": str(path), "duration": duration, "emotion": LABELS[name["emotion"]], **name.groupdict()})
    datasets.Dataset.from_list(rows).save_to_disk(cache_dir / "table")
    return len(rows), sum(row["duration"] for row in rows)


ARMS = {"ours": prepare, "audiofolder": audiofolder, "soundfile.info": soundfile_loop}


def start_arm(arm: str, folder: Path, cache_dir: Path) -> subprocess.Popen:
    """A process that runs one arm and prints what it found."""
    stand_in = cache_dir.parent / "stand_in"
    path = [str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")]
    if arm == "audiofolder" and not _has_torchcodec():
        (stand_in / "torchcodec").mkdir(parents=True, exist_ok=True)
        (stand_in / "torchcodec" / "__init__.py").touch()
        (stand_in / "torchcodec" / "encoders.py").write_text("class AudioEncoder: pass\n")
        (stand_in / "torchcodec" / "decoders.py").write_text("class AudioDecoder: pass\nclass VideoDecoder: pass\n")
        path.insert(0, str(stand_in))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, path)), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, __file__, "--arm", arm, "--folder", str(folder), "--cache_dir", str(cache_dir)]
    environment["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def _has_torchcodec() -> bool:
    command = [sys.executable, "-c", "import torchcodec.encoders"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def run_arm(arm: str, folder: Path, cache_dir: Path, cold: bool) -> dict:
    """Seconds from start to end of an arm, its peak memory, and what it found."""
    if cold:
        forget(folder)
    start = time.perf_counter()
    process = start_arm(arm, folder, cache_dir)
    printed, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"The arm {arm} failed with code {process.returncode}; its error is above.")
    return {"wall": time.perf_counter() - start} | json.loads(printed.splitlines()[-1])


def kill_half_way(folder: Path, cache_dir: Path, num_files: int, cold: bool) -> int:
    """Start preparing, kill the process when half of the headers are in the journal; the number of those."""
    if cold:
        forget(folder)
    process = start_arm("ours", folder, cache_dir)
    while num_journaled(cache_dir) < num_files // 2 and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    if process.returncode != -signal.SIGKILL:
        raise RuntimeError("The process was done before it could be killed: take a larger --num_files.")
    return num_journaled(cache_dir)


def num_journaled(cache_dir: Path) -> int:
    """Headers that the journal of a cache holds."""
    return sum(
        line.endswith(b"]\n")
        for journal in cache_dir.glob("hf_emotion_headers/*.jsonl")
        for line in journal.read_bytes().splitlines(keepends=True)
    )


def prepared_table(cache_dir: Path) -> pa.Table:
    """The table that our arm has written."""
    [path] = cache_dir.rglob("*.arrow")
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_stream(file).read_all()


def forget(folder: Path) -> None:
    """Make the kernel drop the files from its cache (Linux)."""
    os.sync()
    for path in folder.rglob("*.wav"):
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def run_arms(clips: Path, folder: Path, rounds: int, cold: bool) -> dict[str, dict]:
    """The median of every arm over some rounds, in an order that turns with each round."""
    measured: dict[str, list[dict]] = {arm: [] for arm in ARMS}
    for number in range(rounds):
        order = list(ARMS)
        for arm in order[number % len(order) :] + order[: number % len(order)]:
            measured[arm].append(run_arm(arm, clips, folder / f"{arm}_{number}", cold))
    return {
        arm: {key: statistics.median(found[key] for found in every) for key in every[0]}
        for arm, every in measured.items()
    }


def report(options: argparse.Namespace, folder: Path) -> Iterator[str]:
    """Measure all arms, and yield the lines of the report."""
    clips = folder / "clips"
    write_files(clips, options.num_files)
    os.sync()  # so that no arm shares the disk with what is still being written
    arms = run_arms(clips, folder, options.rounds, options.cold)
    num_kept = kill_half_way(clips, folder / "killed", options.num_files, options.cold)
    arms["ours, killed and resumed"] = run_arm("ours", clips, folder / "killed", options.cold)
    if not prepared_table(folder / "ours_0").equals(prepared_table(folder / "killed")):
        raise RuntimeError("The process that was killed and resumed gave another table.")
    arms["ours, again"] = run_arm("ours", clips, folder / "killed", options.cold)
    yield "| arm | rows | hours known | seconds | CPU seconds | peak memory, MiB | seconds to ours | CPU to ours |"
    yield "|---|---|---|---|---|---|---|---|"
    for arm, found in arms.items():
        ratios = " | ".join(f"{found[clock] / arms['ours'][clock]:.2f} x" for clock in ("wall", "cpu"))
        yield (
            f"| {arm} | {found['rows']:,.0f} | {found['audio'] / 3600:.2f} | {found['wall']:.1f} | {found['cpu']:.1f} "
            f"| {found['memory']:.0f} | {ratios} |"
        )
    yield ""
    yield (
        f"* killed when {num_kept:,} of {options.num_files:,} headers were in the journal; the second process read "
        f"{num_journaled(folder / 'killed') - num_kept:,} and gave the same table"
    )
    if not _has_torchcodec():
        yield "* torchcodec cannot be imported here: audiofolder ran with a stand-in"


def parse_options(arguments=None) -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num_files", type=int, default=100_000)
    parser.add_argument("--cold", action="store_true", help="drop the files from the kernel's cache before every arm")
    parser.add_argument("--rounds", type=int, default=1, help="rounds over the arms; medians are reported")
    parser.add_argument("--arm", choices=list(ARMS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--cache_dir", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments=None) -> None:
    """Measure and print a report in Markdown, or run one arm."""
    options = parse_options(arguments)
    if options.arm:
        num_rows, seconds = ARMS[options.arm](options.folder, options.cache_dir)
        used = resource.getrusage(resource.RUSAGE_SELF)
        found = {"rows": num_rows, "audio": seconds, "memory": used.ru_maxrss / 1024}
        print(json.dumps(found | {"cpu": used.ru_utime + used.ru_stime}))
        return
    with tempfile.TemporaryDirectory() as folder:
        for line in report(options, Path(folder)):
            print(line, flush=True)


if __name__ == "__main__":
    main()
