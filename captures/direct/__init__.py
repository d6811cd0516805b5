"""Pictures that cameras put into the bucket themselves: begun and completed here, the bytes go past us."""
