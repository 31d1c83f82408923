"""From recorded samples to what the pods of both arms counted, window by window. No I/O."""
