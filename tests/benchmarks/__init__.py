"""Speed, side by side in one run: prints ratios, and never fails because of a time."""
