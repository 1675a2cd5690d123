"""What an operator does around the daemon: doctor, models, retention, setting up, the demonstration."""
