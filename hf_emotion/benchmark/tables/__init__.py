"""Tables of a benchmark beside the paper's figures."""
