"""Models for other runtimes: ONNX, quantised to 8 bits, and checks of torch.export and torch.compile."""
