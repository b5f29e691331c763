"""Data sets without a download, and streams of them whose concept changes over time. Knows NumPy, and no family."""
