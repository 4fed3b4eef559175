"""Peak GPU memory of training ExHuBERT-large, for `train_throughput.py --memory`."""

import gc
import time
from collections.abc import Iterator

import torch

from hf_emotion.models.exhubert import ExHubertConfig, ExHubertForSequenceClassification


BATCH_SIZE = 8
NUM_SAMPLES = 3 * 16_000
BUDGET_GIB = 24  # the RTX 3090 of the paper
VARIANTS = (
    ("ExHuBERT, originals frozen (336.68 M trained)", {"num_copies": 1}, False),
    ("ExHuBERT, originals frozen", {"num_copies": 1}, True),
    ("non-frozen (638.99 M)", {"num_copies": 1, "freeze_original": False}, False),
    ("non-frozen", {"num_copies": 1, "freeze_original": False}, True),
    ("XLarge, two copies (664.18 M)", {"num_copies": 2}, False),
    ("XLarge, two copies", {"num_copies": 2}, True),
)


def memory_table(config: dict, bf16: bool, attention: str) -> Iterator[str]:
    """
    Measure each variant at batch 8 x 3 s with fused AdamW and yield the rows of a table.

    Args:
        config (`dict`): keyword arguments of [`ExHubertConfig`], unexpanded.
        bf16 (`bool`): autocast to bfloat16; the parameters stay in float32.
        attention (`str`): attention implementation.
    """
    yield f"| variant | gradient checkpointing | allocated | reserved | reserved < {BUDGET_GIB} GiB | step |"
    yield "|---|---|---|---|---|---|"
    for name, expansion, checkpointing in VARIANTS:
        allocated, reserved, seconds = _peak(config, expansion, checkpointing, bf16, attention)
        fits = "yes" if reserved < BUDGET_GIB else "no"
        used = "yes" if checkpointing else "no"
        yield f"| {name} | {used} | {allocated:.1f} GiB | {reserved:.1f} GiB | {fits} | {1000 * seconds:.0f} ms |"


def _peak(config: dict, expansion: dict, checkpointing: bool, bf16: bool, attention: str):
    """Peak allocated and reserved GiB over three steps, and the seconds of the last."""
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    torch.manual_seed(0)
    with torch.device("cuda"):
        model = ExHubertForSequenceClassification(ExHubertConfig(**config, num_labels=6, layerdrop=0.0))
    model.set_attn_implementation(attention)
    model.freeze_feature_encoder()
    model.expand_blocks(**expansion).train()
    if checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-5, fused=True)
    batch = _batch()
    for _ in range(3):
        torch.cuda.synchronize()
        start = time.perf_counter()
        with torch.autocast("cuda", torch.bfloat16, enabled=bf16):
            loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        torch.cuda.synchronize()
        seconds = time.perf_counter() - start
    gib = 2**30
    return torch.cuda.max_memory_allocated() / gib, torch.cuda.max_memory_reserved() / gib, seconds


def _batch() -> dict[str, torch.Tensor]:
    lengths = torch.linspace(0.9, 1, BATCH_SIZE, device="cuda") * NUM_SAMPLES
    mask = (torch.arange(NUM_SAMPLES, device="cuda") < lengths[:, None]).long()
    noise = torch.randn(BATCH_SIZE, NUM_SAMPLES, device="cuda") * mask
    labels = torch.arange(BATCH_SIZE, device="cuda") % 6
    return {"input_values": noise, "attention_mask": mask, "labels": labels}
