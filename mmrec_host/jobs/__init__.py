"""Many runs: one after another in this process, or several at a time in processes of their own."""
