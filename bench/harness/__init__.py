"""What the benchmarks share: jobs and their processes, texts, statistics, comparison, report, plot."""
