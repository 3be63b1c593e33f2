"""The parts behind `enhancer.audio_io` and `enhancer.video_io`: one concern a module, nothing public."""
