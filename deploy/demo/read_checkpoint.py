"""Reads a pulled checkpoint with safetensors and NumPy, as anybody outside of amaes would."""

import sys

from safetensors.numpy import load_file

tensors = load_file(sys.argv[1])
parameters = sum(t.size for t in tensors.values())
print(f"read with safetensors and NumPy: {len(tensors)} tensors, {parameters:,} parameters")
for name in ("encoder.in_conv.conv1.conv.weight", "rec_head.out_conv.weight"):
    t = tensors[name]
    print(f"  {name:36} {str(t.shape):20} {t.dtype}  mean {t.mean():+.4f}  standard deviation {t.std():.4f}")
