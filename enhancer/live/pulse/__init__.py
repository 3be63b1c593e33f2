"""What we ask of the sound server and tell it: devices, events, modules. PulseAudio and PipeWire answer alike."""
