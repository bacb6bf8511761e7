"""The reference's side of data.py, in the environment that has yucca 1.1.7: `ingest IN OUT` on standard input, one line of JSON back."""

import json
import pickle
import sys
import time

import nibabel
import numpy
import torch
from yucca.functional.preprocessing import preprocess_case_for_training_without_label

torch.set_num_threads(1)
for line in sys.stdin:
    _, path, out = line.split()
    begin = time.perf_counter()
    scan = nibabel.load(path)
    try:
        images, properties = preprocess_case_for_training_without_label(
            images=[scan], normalization_operation=["volume_wise_znorm"], target_orientation="RAS",
            target_spacing=numpy.array([1.0, 1.0, 1.0]), intensities=None)
    except AssertionError as error:  # permuted axes
        print(json.dumps({"refused": str(error)}), flush=True)
        continue
    numpy.save(out + ".npy", numpy.asarray(images, numpy.float32))
    with open(out + ".pkl", "wb") as file:
        pickle.dump(properties, file)
    seconds = time.perf_counter() - begin
    print(json.dumps({"seconds": seconds, "voxels": int(numpy.prod(scan.shape[:3]))}), flush=True)
