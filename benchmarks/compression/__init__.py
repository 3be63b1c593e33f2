"""Smaller files of one student, side by side: half precision, 8 bits, fewer channels; quality, size, time per frame."""
