"""What people read about a corpus: its page, its audit, its figures."""
