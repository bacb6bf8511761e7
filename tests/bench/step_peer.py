"""PyTorch's side of step.py, eager, as users write it: arguments as step_server's, one step per line, one line of JSON back."""

import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "conformance" / "models"))

import torch  # noqa: E402

from peers import light_network  # noqa: E402


def main():
    name, filters, patch, batch, threads = sys.argv[1:]
    module = light_network(name, int(filters))
    torch.set_num_threads(int(threads))
    torch.manual_seed(1)
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-4, fused=True)
    shape = [int(batch), 1, *map(int, patch.split("x"))]
    target = torch.rand(shape)
    masked = target * (torch.rand(shape) > 0.6)
    for _ in sys.stdin:
        begin, processor = time.perf_counter(), time.process_time()
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.mse_loss(module(masked), target)
        loss.backward()
        optimizer.step()
        answer = {"seconds": time.perf_counter() - begin, "processor": time.process_time() - processor, "loss": loss.item()}
        print(json.dumps(answer), flush=True)


main()
