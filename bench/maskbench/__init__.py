"""The MaskBench procedure: cases, the process of one engine, the one that watches it, bounds, report, plot."""
