"""What yucca and MONAI say about a pair of label maps."""

import contextlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import types
import warnings

import nibabel
import numpy
import torch
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance

# Of the environment files that yucca would read there are none, nor is the package that reads them.
sys.modules.setdefault("dotenv", types.SimpleNamespace(load_dotenv=lambda: None))
from yucca.pipeline.evaluation.YuccaEvaluator import YuccaEvaluator

YUCCAS = {"Dice": "dice", "Jaccard": "jaccard", "Sensitivity": "sensitivity", "Precision": "precision",
          "Volume Similarity": "volume_similarity", "True Positives": "tp", "False Positives": "fp", "False Negatives": "fn"}


def save(path, labels, spacing):
    nibabel.save(nibabel.Nifti1Image(labels.astype(numpy.uint8), numpy.diag([*spacing, 1.0])), path)


def ours(truth, prediction, regions):
    program = pathlib.Path(os.environ["AMAES_BUILD_DIR"]) / "tests" / "metrics_dump"
    words = [f"{name}={','.join(map(str, labels))}" for name, labels in regions.items()]
    return json.loads(subprocess.run([program, truth, prediction, *words], check=True, capture_output=True).stdout)


def yuccas(folder, truth, prediction, labels, as_binary=False):
    """What YuccaEvaluator writes for one case: {label: {our name: value}}, rounded to 4 decimals."""
    folders = {}
    for name, file in (("truth", truth), ("prediction", prediction)):
        folders[name] = folder / f"{name}-{as_binary}"
        folders[name].mkdir()
        shutil.copy(file, folders[name] / "case.nii.gz")
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        evaluator = YuccaEvaluator([str(label) for label in [0, *labels]], str(folders["prediction"]), str(folders["truth"]),
                                   use_wandb=False, as_binary=as_binary)
        case = evaluator.evaluate_folder()["case.nii.gz"]
    return {label: {YUCCAS[key]: value for key, value in row.items() if key in YUCCAS}
            for label, row in case.items() if label not in ("0", "Prediction:", "Ground Truth:")}


def monais(truth, prediction, labels):
    """95 % and full Hausdorff and symmetric surface distance of the shape that `labels` make."""
    image = nibabel.load(truth)
    masks = [torch.from_numpy(numpy.isin(numpy.around(numpy.asarray(nibabel.load(file).dataobj)), labels))[None, None]
             for file in (prediction, truth)]
    spacing = [float(mm) for mm in image.header.get_zooms()[:3]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hausdorff = [compute_hausdorff_distance(*masks, include_background=True, percentile=p, spacing=spacing).item()
                     for p in (95, None)]
        average = compute_average_surface_distance(*masks, include_background=True, symmetric=True, spacing=spacing).item()
    return {"hausdorff_95_mm": hausdorff[0], "hausdorff_mm": hausdorff[1], "surface_distance_mm": average}
