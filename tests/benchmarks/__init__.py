"""Speed, side by side in one run: each benchmark prints ratios, and never fails because of a time."""
