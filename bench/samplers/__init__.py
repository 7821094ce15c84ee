"""What ``python -m bench sampling`` runs, each part in a process of its own."""
