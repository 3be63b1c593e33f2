"""Files: dropped, cleaned one after the other in processes of their own, and compared with what they were."""
