"""What a run of the GPU kit found, as Markdown for docs/benchmarks and as a few lines for a terminal."""

GIB = 1 << 30
TFLOP_PER_SAMPLE = 1.545  # U-Net B, 128³, forward and backward


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]


def gib(count):
    return f"{count / GIB:.2f}"


def environment(data):
    return table(["what", "found"], [
        ["GPU", f"{data.get('gpu') or 'none'}, {gib(data.get('memory_bytes') or 0)} GiB"],
        ["driver", data.get("driver_version", "not known")],
        ["PyTorch, CUDA, cuDNN, NCCL", f"{data['torch']}, {data['cuda']}, {data['cudnn']}, {'.'.join(map(str, data['nccl'] or [])) or 'none'}"],
        ["machine", f"{data['cores']} cores, Linux {data['system']}, Python {data['python']}"]])


def programs(data):
    return ["; ".join(data["versions"]) + ". Host tests: " + ", ".join(f"{k} {'passes' if v else 'fails'}" for k, v in data["tests"].items()) + "."]


def numerics(data):
    def cell(row, key):
        bound = row["bounds"].get(key, 0)
        if not bound and not row[key]:
            return "–"
        return f"{row[key]:.1e}" + (f" (≤ {bound:.0e})" if bound else "")

    lines = ["Relative to float64 on the CPU. Norm of the difference over the norm; \"training\" is the largest difference of a short run's losses (at most "
             "8 filters, 12 of SwinUNETR, on the smallest patch). TF32 is off unless a row names it.", ""]
    return lines + table(["network", "variant", "output", "loss", "gradient", "gradient's norm", "training", ""], [
        [f"{found['network']}, {found['filters']} filters, {found['patch']}³ × {found['batch']}", row["name"]] +
        ([row["error"], "", "", "", "", "failed"] if "error" in row else
         [cell(row, "output"), cell(row, "loss"), cell(row, "gradient"), cell(row, "gradient_norm"), cell(row, "curve"), "ok" if row["ok"] else "failed"])
        for found in data["networks"] for row in found["rows"]])


def left_out(data):
    return ["Left out: " + data["left_out"] + "."]


def parity(data):
    if "left_out" in data:
        return left_out(data)
    lines = ["The tests of `tests/conformance/models`: our network on this device, the other implementation on the CPU, the same weights. What each printed "
             "(no entry: it compares names, shapes or draws and prints nothing).", ""]
    return lines + table(["test", "measured", ""], [
        [row["test"].removeprefix("python."), "<br>".join(row["measured"]).replace("|", "\\|"), "failed" if row["failed"] else "ok"] for row in data["rows"]])


def augment(data):
    return ["Tensor transforms on this device against the loader's on the CPU, the same draws and fields of noise, within 1e-4: "
            + " ".join(line.strip() for line in data["output"].splitlines() if "PASSED" in line or "FAILED" in line)]


def presets(data):
    return table(["preset", "batch → micro-batch found", "samples/s (median)", "range", "waiting for data", "peak GiB, estimate", "held-out metric (masked_r2; SwinUNETR: loss)",
                  "whole job"], [
        [r["preset"], f"{r['global_batch']} → {r['micro_batch']}", f"{r['samples_per_second']:.1f}", f"{r['low']:.1f} … {r['high']:.1f}",
         f"{100 * r['data_wait']:.1f} %", f"{gib(r['peak_bytes'])}, {gib(r['estimate_bytes'])}",
         " → ".join(f"{v:.4f}" for v in r["held_out"]), f"{r['seconds']:.0f} s"] for r in data["rows"]]) + [
        "", "Eight steps of each preset as it is shipped, on phantoms: the first ones hold the search for kernels, so a speed here is a sign of life."]


def nccl(data):
    return left_out(data) if "left_out" in data else ["Sums, broadcast and abort at world size 1."]


def job(data):
    resume = data["resume"]
    return table(["micro-batch", "steps", "samples/s (median)", "range", "waiting for data", "peak GiB", "held-out loss", "whole job"], [
        [r["micro_batch"], r["steps"], f"{r['samples_per_second']:.1f}", f"{r['low']:.1f} … {r['high']:.1f}", f"{100 * r['data_wait']:.1f} %",
         gib(r["peak_bytes"]), " → ".join(f"{v:.4f}" for v in r["held_out"]), f"{r['seconds']:.0f} s"] for r in data["rows"]]) + [
        "", "Through coordinator, agent and worker; dataset, checkpoints and validation included in the whole job, not in samples/s. "
            "The range is over reports (a quarter of a second or a step each) after the first third.", "",
        f"Killed at step 5 of 8 with `deterministic: true`: attempt {resume['attempts']}, step {resume['step']}, "
        f"{'the bits of the undisturbed run' if resume['same_bits'] else 'other bits than the undisturbed run'}."]


def bench(data):
    if "left_out" in data:
        return left_out(data)
    best = {}
    for row in data["rows"]:
        if row["program"] != "amaes":
            case = row["network"], row["batch"]
            best[case] = max(best.get(case, 0), row["samples_per_second"])
    lines = table(["network", "batch", "program", "samples/s", "rounds", "quartiles", "against best eager", "host ms/step", "peak GiB, allocated / reserved"], [
        [r["network"], r["batch"], f"{r['program']}, {r['variant']}", f"{r['samples_per_second']:.1f}",
         " · ".join(f"{x:.1f}" for x in r["rounds"]) + f" (spread {100 * r['spread']:.1f} %)",
         f"{r['low_quartile']:.1f} … {r['high_quartile']:.1f}",
         f"{r['samples_per_second'] / best[r['network'], r['batch']]:.2f}×" if (r["network"], r["batch"]) in best else "–", f"{r['host_ms']:.1f}",
         f"{gib(r['peak_allocated_bytes'])} / {gib(r['peak_reserved_bytes'])}"] for r in data["rows"]])
    lines += ["", "Random data; samples lie on the device, except in `step`, which is TrainStep as training runs it (samples copied from the host, one wait "
                  "per step). samples/s: mean over rounds of the median step; a round is a process of its own, in the order A B C C B A. Autocast, fused AdamW and "
                  "cudnn.benchmark everywhere."]
    if any(data["states"]):
        keys = ("clocks.sm", "clocks.mem", "temperature.gpu", "power.draw")
        lines += ["", "Clocks between processes: " + "; ".join(", ".join(s.get(k, "?") for k in keys) for s in data["states"]) + "."]
    return lines


SECTIONS = {"environment": ("Machine", environment), "programs": ("Programs", programs), "numerics": ("Numbers", numerics),
            "parity": ("Every network against its authors'", parity), "augment": ("Augmentation", augment), "nccl": ("NCCL", nccl), "job": ("A job of U-Net B at 128³ in bfloat16", job),
            "presets": ("Every preset", presets), "networks": ("A training step of the other networks at 128³ in bfloat16, beside PyTorch", bench),
            "bench": ("A training step of U-Net B at 128³ in bfloat16, beside PyTorch", bench)}


def section(name, step):
    title, render = SECTIONS[name]
    lines = ["", f"## {title}", ""]
    try:
        lines += render(step["data"])
    except (KeyError, IndexError, TypeError):
        lines.append("No complete result.")
    if step["problems"]:
        lines += ["", "**Failed:**", ""] + ["    " + line for problem in step["problems"] for line in problem.splitlines()]
    return lines


def markdown(results):
    title = "CPU rehearsal of the GPU kit (tiny sizes: no number below is a measurement)" if results["cpu_rehearsal"] else "GPU kit"
    lines = [f"# {title}, {results['date']}", "",
             f"{'All checks passed' if results['ok'] else '**Checks failed**'} in {results['seconds']:.0f} s. Kit: {results['kit']}. "
             f"Command: `{results['command'].strip()}`."]
    for name, step in results["steps"].items():
        lines += section(name, step)
    return "\n".join(lines) + "\n"


def summary(results):
    lines = []
    for network, row in ((found["network"], row) for found in results["steps"].get("numerics", {}).get("data", {}).get("networks", []) for row in found["rows"]):
        if "error" not in row:
            lines.append(f"{network:10} {row['name']:28} output {row['output']:.1e}  loss {row['loss']:.1e}  gradient {row['gradient']:.1e}")
    for row in results["steps"].get("job", {}).get("data", {}).get("rows", []):
        lines.append(f"job, micro-batch {row['micro_batch']}: {row['samples_per_second']:.1f} samples/s, peak {gib(row['peak_bytes'])} GiB")
    for row in results["steps"].get("presets", {}).get("data", {}).get("rows", []):
        lines.append(f"{row['preset']}: micro-batch {row['micro_batch']}, {row['samples_per_second']:.1f} samples/s, peak {gib(row['peak_bytes'])} GiB, "
                     f"estimate {gib(row['estimate_bytes'])}")
    for row in (row for step in ("bench", "networks") for row in results["steps"].get(step, {}).get("data", {}).get("rows", [])):
        rate = row["samples_per_second"]
        known = row["network"] == "unet_b" and not results["cpu_rehearsal"]
        speed = f", {rate * TFLOP_PER_SAMPLE:.0f} TFLOP/s" if known else ""
        lines.append(f"step, {row['network']}, batch {row['batch']}, {row['program']} {row['variant']}: {rate:.1f} samples/s{speed}, "
                     f"spread {100 * row['spread']:.1f} %, peak {gib(row['peak_allocated_bytes'])} GiB")
    return "\n".join(lines)
