"""A page to see the networks at work: a picture goes in, and a slider compares the result with bicubic."""
