"""Speech engines: audio in, words out. Knows nothing of jobs, stores or folders."""
