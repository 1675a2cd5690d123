"""ffmpeg and probing: the only modules that open media. They run in children, never in the daemon itself."""
