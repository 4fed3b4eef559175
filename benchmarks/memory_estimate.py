"""How much memory training ExHuBERT-large needs, counted without a GPU.

    python benchmarks/memory_estimate.py

Runs one forward pass on fake tensors (shapes only) under bf16 autocast and adds up what must be held at its end:
weights, gradients and AdamW's two moments in float32, and every tensor that autograd has saved for the backward pass,
each storage once. Not counted: work space of kernels, temporary tensors, what gradient checkpointing recomputes (one
block at a time), and fragmentation of the allocator. Where there is a GPU,
`train_throughput.py --memory --device cuda` measures all of it.
"""

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from train_memory import BATCH_SIZE, BUDGET_GIB, NUM_SAMPLES, VARIANTS
from train_throughput import LARGE

from hf_emotion.models.exhubert import ExHubertConfig, ExHubertForSequenceClassification


GIB = 2**30


def main() -> None:
    """Print the table for batch 8 x 3 s."""
    print("| variant | gradient checkpointing | weights | gradients | AdamW | saved activations | sum, GiB |")
    print("|---|---|---|---|---|---|---|")
    for name, expansion, checkpointing in VARIANTS:
        parts = counted_bytes(expansion, checkpointing)
        cells = " | ".join(f"{part / GIB:.2f}" for part in parts)
        used = "yes" if checkpointing else "no"
        print(f"| {name} | {used} | {cells} | {sum(parts) / GIB:.1f} of {BUDGET_GIB} |")


def counted_bytes(expansion: dict, checkpointing: bool) -> tuple[int, int, int, int]:
    """Bytes of weights, gradients, optimizer state and saved activations of one step of an expanded HuBERT-large."""
    with FakeTensorMode():
        model = ExHubertForSequenceClassification(ExHubertConfig(**LARGE, num_labels=6, layerdrop=0.0))
        model.freeze_feature_encoder()
        model.expand_blocks(**expansion).train()
        if checkpointing:
            model.activation_checkpointing_enable({"use_reentrant": False})
        own = {parameter.untyped_storage()._cdata for parameter in model.parameters()}
        saved: dict[int, int] = {}

        def remember(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            if storage._cdata not in own:
                saved[storage._cdata] = storage.nbytes()
            return tensor

        hooks = torch.autograd.graph.saved_tensors_hooks(remember, lambda tensor: tensor)
        with hooks, torch.autocast("cpu", torch.bfloat16):
            model(torch.randn(BATCH_SIZE, NUM_SAMPLES), labels=torch.zeros(BATCH_SIZE, dtype=torch.long))
        total = sum(4 * parameter.numel() for parameter in model.parameters())
        trained = sum(4 * parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    return total, trained, 2 * trained, sum(saved.values())


if __name__ == "__main__":
    main()
