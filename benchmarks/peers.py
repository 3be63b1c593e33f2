"""The streaming peers that speed and quality are measured beside; `enhancer.evaluation.peers` has them and more."""

from enhancer.evaluation.peers import DeepFilterNet3, RNNoise

PEERS = {"deepfilternet3": DeepFilterNet3, "rnnoise": RNNoise}
