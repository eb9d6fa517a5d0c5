"""Real encoded video files whose classes differ only by motion."""
