"""The ablation: equal students, taught differently, and what each teaching is worth beside the control."""
