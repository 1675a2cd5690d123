"""Words to cues to subtitle files. Knows nothing of jobs, stores or folders."""
