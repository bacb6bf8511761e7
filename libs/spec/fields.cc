#include "libs/spec/fields.h"

#include "absl/strings/str_cat.h"
#include "libs/spec/network_facts.h"

namespace amaes {
namespace {

constexpr KindSet kAll{JobKind::kPretrain, JobKind::kFinetune, JobKind::kEvaluate, JobKind::kIngest};
constexpr KindSet kTraining{JobKind::kPretrain, JobKind::kFinetune};
constexpr KindSet kPretrain{JobKind::kPretrain};
constexpr KindSet kFinetune{JobKind::kFinetune};
constexpr KindSet kEvaluate{JobKind::kEvaluate};
constexpr KindSet kIngest{JobKind::kIngest};

constexpr FieldRange kNone{};
constexpr FieldRange kSteps{0, 1e9};
constexpr FieldRange kShare{0, 1, true, true};
constexpr FieldRange kMoment{0, 1, false, true};

#define AMAES_AT(member) [](JobSpec& spec) -> FieldRef { return &spec.member; }
#define AMAES_TRAINING(member) [](JobSpec& spec) -> FieldRef { return &spec.training().member; }

void AddCommon(std::vector<Field>& out) {
  // clang-format off
  out.insert(out.end(), {
      {"kind", kAll, AMAES_AT(kind), "", kNone, {"pretrain", "finetune", "evaluate", "ingest"}, "what the job does", {"type"}},
      {"name", kAll, AMAES_AT(name), "", kNone, {}, "shown to people; [a-z0-9-], at most 63; empty = the job's id",
       {"title"}},
      {"priority", kAll, AMAES_AT(priority), "", {0, 100}, {}, "0 to 100, higher first", {}},
      {"after", kAll, AMAES_AT(after), "", kNone, {},
       "jobs, by name or id, separated by commas: starts once all have succeeded; empty = at once", {"depends_on", "dependencies"}},
  });
  // clang-format on
}

void AddData(std::vector<Field>& out) {
  // clang-format off
  out.insert(out.end(), {
      {"dataset.name", kTraining, AMAES_TRAINING(dataset.name), "", kNone, {}, "dataset to train on; required",
       {"data"}},
      {"dataset.version", kTraining, AMAES_TRAINING(dataset.version), "", {0, 1e9}, {}, "0 = the newest at submit",
       {}},
      {"dataset.digest", kTraining, AMAES_TRAINING(dataset.digest), "", kNone, {},
       "SHA-256 of the version; filled at submit", {}},
      {"dataset.filter", kTraining, AMAES_TRAINING(dataset.filter), "", kNone, {},
       "training volumes to use, e.g. \"modality=T1w|T2w foreground_share>=0.1\"; empty = all", {"filter", "select"}},
      {"dataset.repeats", kTraining, AMAES_TRAINING(dataset.repeats), "", kNone, {},
       "visits of a volume per pass, e.g. \"collection=OASIS3:2\"; empty = one each", {"repeats", "weights"}},
      {"dataset.selection", kTraining, AMAES_TRAINING(dataset.selection), "", kNone, {},
       "SHA-256 of the resolved list; filled at submit", {}},
      {"dataset.contract", kTraining, AMAES_TRAINING(dataset.contract), "", kNone, {"", "amaes", "zscore"},
       "that its volumes must have been prepared under, else the job is refused; empty = any", {}},
      {"network.name", kTraining, AMAES_TRAINING(network.name), "", kNone, NetworkNames(),
       "unet_b, unet_xl and unet are one network of 32, 64 or network.filters channels; script: network.script",
       {"model", "architecture"}},
      {"network.filters", kTraining, AMAES_TRAINING(network.filters), "channels", {0, 512}, {},
       "channels of the first level; 0 = the network's own", {"starting_filters", "width"}},
      {"network.decoder", kTraining, AMAES_TRAINING(network.decoder), "", kNone, {"auto", "light", "standard"},
       "one or two convolutions per level (resenc_l has one decoder); auto = light for pretraining, standard for finetuning", {"decoder"}},
      {"network.skips", kTraining, AMAES_TRAINING(network.skips), "", kNone, {"auto", "on", "off"},
       "whether the decoder sees the encoder's levels; auto = off for pretraining, on for finetuning; swin_unetr: on with the standard decoder", {"skip_connections"}},
      {"network.script", kTraining, AMAES_TRAINING(network.script), "", kNone, {},
       "absolute path of a TorchScript file, for network script: one input, one output of the same size", {"torchscript"}},
      {"network.encoder_prefix", kTraining, AMAES_TRAINING(network.encoder_prefix), "", kNone, {},
       "what the names of the script's encoder begin with; empty = \"encoder\"", {}},
      {"network.script_digest", kTraining, AMAES_TRAINING(network.script_digest), "", kNone, {},
       "SHA-256 of the script; filled at submit", {}},
      {"network.script_parameters", kTraining, AMAES_TRAINING(network.script_parameters), "numbers", {0, 1e13}, {},
       "in the script; filled at submit", {}},
      {"patch", kTraining, AMAES_TRAINING(patch), "voxels", {8, 1024}, {},
       "what the network sees, along x, y, z; multiples of what it asks for", {"patch_size", "crop_size"}},
      {"objective.name", kPretrain, AMAES_AT(pretrain.objective.name), "", kNone, {"masked", "swinunetr"},
       "masked: fill in what is masked; swinunetr: rotation, contrast and inpainting, of network swin_unetr",
       {"objective"}},
      {"objective.group", kPretrain, AMAES_AT(pretrain.objective.group), "samples", {1, 4096}, {},
       "swinunetr: consecutive samples that are contrasted with and copied into each other; divides global_batch",
       {"group_size"}},
      {"mask.ratio", kPretrain, AMAES_AT(pretrain.mask.ratio), "", kShare, {}, "share of tokens masked, exact count",
       {"mask_ratio", "masking_ratio"}},
      {"mask.token", kPretrain, AMAES_AT(pretrain.mask.token), "voxels per side", {1, 256}, {},
       "cube that is masked as a whole; divides patch", {"token_size", "mask_patch_size"}},
      {"loss.region", kPretrain, AMAES_AT(pretrain.loss.region), "", kNone, {"whole", "masked"},
       "which voxels the squared error is over", {"loss_region"}},
      {"loss.anonymised", kPretrain, AMAES_AT(pretrain.loss.anonymised), "", kNone, {"exclude", "include"},
       "voxels of a volume's anonymisation mask (defaced, blurred): exclude = no weight in the loss, and crops are drawn elsewhere",
       {"anonymization"}},
      {"loss.target", kPretrain, AMAES_AT(pretrain.loss.target), "", kNone, {"before", "after"},
       "what is reconstructed: the patch before the intensity transforms, so that the network undoes them (augmentation reversal), or after them "
       "(its ablation: masked autoencoding of augmented patches)", {}},
  });
  // clang-format on
}

void AddTraining(std::vector<Field>& out) {
  // clang-format off
  out.insert(out.end(), {
      {"augment.preset", kTraining, AMAES_TRAINING(augment.preset), "", kNone,
       {"none", "spatial", "basic", "intended", "reference"},
       "none; spatial; basic = rotation and scale; intended = spatial and intensity, mistakes of the reference mended, which is why it is the "
       "default of pretraining; reference = as its code does it (docs/augmentation.md). Finetuning: basic",
       {"augmentation", "augmentation_preset", "aug"}},
      {"augment.grid", kTraining, AMAES_TRAINING(augment.grid), "", kNone, {"preset", "whole", "half"},
       "whole = the patch lies on voxels; half = an odd margin of the crop shifts it by half a voxel, so that every sample is resampled", {}},
      {"augment.border", kTraining, AMAES_TRAINING(augment.border), "", kNone, {"preset", "volume", "crop"},
       "beyond the drawn crop: volume = the scan goes on; crop = the crop's minimum, and the crop's range for clipping", {}},
      {"augment.ringing", kTraining, AMAES_TRAINING(augment.ringing), "", kNone, {"preset", "relative", "absolute"},
       "frequencies kept: relative = 96 to 128 of 128, whatever the patch; absolute = those numbers, which wrap around in patches below 128", {}},
      {"augment.gamma_epsilon", kTraining, AMAES_TRAINING(augment.gamma_epsilon), "", {0, 1000}, {},
       "added to a patch's range before the power; 0 = the preset's: 1e-7, or the 1 of the reference, which darkens", {}},
      {"optimizer.learning_rate", kTraining, AMAES_TRAINING(optimizer.learning_rate), "per step", {0, 10, true},
       {}, "AdamW's highest learning rate", {"lr", "learning_rate", "optimizer.lr"}},
      {"optimizer.beta1", kTraining, AMAES_TRAINING(optimizer.beta1), "", kMoment, {}, "decay of the first moment",
       {}},
      {"optimizer.beta2", kTraining, AMAES_TRAINING(optimizer.beta2), "", kMoment, {},
       "decay of the second moment", {}},
      {"optimizer.epsilon", kTraining, AMAES_TRAINING(optimizer.epsilon), "", {0, 1, true}, {},
       "added to the root of the second moment", {"eps", "optimizer.eps"}},
      {"optimizer.weight_decay", kTraining, AMAES_TRAINING(optimizer.weight_decay), "", {0, 10}, {},
       "decoupled, on all parameters", {"wd", "optimizer.wd"}},
      {"optimizer.clip_norm", kTraining, AMAES_TRAINING(optimizer.clip_norm), "L2 norm", {0, 1e9}, {},
       "a gradient whose global norm is larger is scaled down to it; 0 = never", {"gradient_clip_val", "max_norm", "clip"}},
      {"guard.spike_factor", kTraining, AMAES_TRAINING(guard.spike_factor), "medians", {0, 1e9}, {},
       "an update whose loss or gradient norm is above so many running medians (of the last 65) is left out; 0 = none", {}},
      {"guard.max_skipped", kTraining, AMAES_TRAINING(guard.max_skipped), "updates", {0, 1e6}, {},
       "left out in a row (spikes; loss or gradient not finite); one more fails the job", {}},
      {"ema.decay", kTraining, AMAES_TRAINING(ema.decay), "", kMoment, {},
       "of a moving average of the weights, validated and saved beside them; 0 = none", {"ema"}},
      {"schedule.steps", kTraining, AMAES_TRAINING(schedule.steps), "steps", kSteps, {},
       "optimiser updates; 0 = from schedule.passes", {"max_steps", "num_steps", "iterations"}},
      {"schedule.passes", kTraining, AMAES_TRAINING(schedule.passes), "passes", {0, 1e6, true}, {},
       "through the training volumes, floor(volumes / global_batch) steps each; used when schedule.steps is 0", {"epochs", "max_epochs", "num_epochs"}},
      {"schedule.warmup_steps", kTraining, AMAES_TRAINING(schedule.warmup_steps), "steps", {-1, 1e9}, {},
       "linear warm-up; -1 (or auto) = 5 % of the steps", {"warmup", "schedule.warmup"}, -1},
      {"schedule.warmup_start_factor", kTraining, AMAES_TRAINING(schedule.warmup_start_factor), "", {0, 1}, {},
       "learning rate at step 0 as a share of optimizer.learning_rate", {}},
      {"global_batch", kTraining, AMAES_TRAINING(global_batch), "samples", {1, 65536}, {},
       "samples per step, whatever the number of workers", {"batch_size", "batch"}},
      {"micro_batch", kTraining, AMAES_TRAINING(micro_batch), "samples", {0, 4096}, {},
       "samples per forward pass; 0 (or auto) = as many as fit, found out once (CPU: at most 2)",
       {"batch_size_per_gpu"}, 0},
  });
  // clang-format on
}

void AddPlaces(std::vector<Field>& out) {
  // clang-format off
  out.insert(out.end(), {
      {"workers", kTraining, AMAES_TRAINING(workers), "slots", {1, 4096}, {}, "training processes, one per slot",
       {"gpus", "num_gpus", "world_size", "ranks"}},
      {"device", kTraining, AMAES_TRAINING(device), "", kNone, {"auto", "cpu", "gpu"}, "kind of slot",
       {"accelerator"}},
      {"precision", kTraining, AMAES_TRAINING(precision), "", kNone, {"fp32", "bf16"},
       "fp32 = IEEE, no TF32; bf16 = autocast, weights and optimiser stay fp32", {"dtype"}},
      {"deterministic", kTraining, AMAES_TRAINING(deterministic), "", kNone, {}, "the same bits on every run", {}},
      {"threads_per_worker", kTraining, AMAES_TRAINING(threads_per_worker), "threads", {1, 1024}, {},
       "of a worker's tensor operations on the CPU", {"threads", "num_threads"}},
      {"seed", kTraining, AMAES_TRAINING(seed), "", kNone, {}, "names every random draw of the run",
       {"random_seed"}},
      {"checkpoint.every_steps", kTraining, AMAES_TRAINING(checkpoint.every_steps), "steps", {1, 1e9}, {},
       "and always after the last step", {"checkpoint_every", "checkpoint.every"}},
      {"checkpoint.keep", kTraining, AMAES_TRAINING(checkpoint.keep), "checkpoints", {1, 10000}, {},
       "newest verified ones kept", {}},
      {"checkpoint.best_metric", kTraining, AMAES_TRAINING(checkpoint.best_metric), "", kNone,
       {"", "loss", "loss_masked", "masked_r2", "dice", "probe_dice"},
       "of the held-out validation, or of the probe: its best checkpoint is never deleted; empty = none is watched", {"monitor"}},
      {"validation.every_steps", kTraining, AMAES_TRAINING(validation.every_steps), "steps", kSteps, {},
       "and always before the first and after the last step; 0 = never", {"validation_every", "validation.every"}},
      {"validation.crops", kTraining, AMAES_TRAINING(validation.crops), "crops", {1, 4096}, {},
       "fixed crops with fixed masks, as many held-out as training", {}},
      {"loader.threads", kTraining, AMAES_TRAINING(loader.threads), "threads", {1, 256}, {}, "per worker",
       {"num_workers"}},
      {"loader.prefetch", kTraining, AMAES_TRAINING(loader.prefetch), "samples", {1, 4096}, {},
       "ready ahead, per worker", {"prefetch_factor"}},
      {"loader.cache_mib", kTraining, AMAES_TRAINING(loader.cache_mib), "MiB", {0, 1 << 24}, {},
       "compressed chunks kept in memory, per worker", {"cache", "cache_size"}},
      {"loader.on_damage", kTraining, AMAES_TRAINING(loader.on_damage), "", kNone, {"fail", "skip"},
       "what a damaged chunk of a volume does", {}},
      {"restart.max_restarts", kTraining, AMAES_TRAINING(restart.max_restarts), "restarts", {0, 1e6}, {},
       "after worker failures; 0 = never", {"retries", "max_retries"}},
      {"restart.no_progress_limit", kTraining, AMAES_TRAINING(restart.no_progress_limit), "restarts", {1, 1e6}, {},
       "restarts in a row without a new checkpoint or step", {}},
  });
  // clang-format on
}

void AddProbe(std::vector<Field>& out) {
  // clang-format off
  out.insert(out.end(), {
      {"probe.every_passes", kPretrain, AMAES_AT(pretrain.probe.every_passes), "passes", {0, 1e6}, {},
       "after so many, and after the last step, a copy of the encoder is finetuned on a few labelled cases; 0 = never", {"probe"}},
      {"probe.dataset", kPretrain, AMAES_AT(pretrain.probe.dataset), "", kNone, {}, "dataset with labels to finetune on", {}},
      {"probe.version", kPretrain, AMAES_AT(pretrain.probe.version), "", {0, 1e9}, {}, "0 = the newest at submit", {}},
      {"probe.digest", kPretrain, AMAES_AT(pretrain.probe.digest), "", kNone, {}, "SHA-256 of the version; filled at submit", {}},
      {"probe.channels", kPretrain, AMAES_AT(pretrain.probe.channels), "", kNone, {},
       "modalities of a case in the network's order, e.g. \"FLAIR,T1w\"; empty = each labelled volume is a case", {}},
      {"probe.classes", kPretrain, AMAES_AT(pretrain.probe.classes), "", kNone, {},
       "NAME=VALUES, separated by commas; empty = each value is a class", {}},
      {"probe.regions", kPretrain, AMAES_AT(pretrain.probe.regions), "", kNone, {}, "classes may overlap: each is found for itself", {}},
      {"probe.background", kPretrain, AMAES_AT(pretrain.probe.background), "", kNone, {},
       "label values that count as background beside 0, joined by +", {}},
      {"probe.train_cases", kPretrain, AMAES_AT(pretrain.probe.train_cases), "cases", {0, 1e9}, {},
       "training cases used, the first of one order; 0 = all", {}},
      {"probe.validation_share", kPretrain, AMAES_AT(pretrain.probe.validation_share), "", {0, 1, true, true}, {},
       "of the subjects that are not held out: the probe's Dice is over their crops", {}},
      {"probe.steps", kPretrain, AMAES_AT(pretrain.probe.steps), "steps", {1, 1e6}, {}, "of one probe", {}},
      {"probe.global_batch", kPretrain, AMAES_AT(pretrain.probe.global_batch), "samples", {1, 65536}, {},
       "samples per step of the probe; at least the number of workers", {}},
      {"probe.learning_rate", kPretrain, AMAES_AT(pretrain.probe.learning_rate), "per step", {0, 10, true}, {},
       "AdamW's highest learning rate in the probe", {}},
      {"probe.crops", kPretrain, AMAES_AT(pretrain.probe.crops), "crops", {1, 4096}, {}, "of each validation case", {}},
      {"probe.in_channels", kPretrain, AMAES_AT(pretrain.probe.in_channels), "channels", {0, 4096}, {},
       "of probe.channels; filled at submit", {}},
      {"probe.out_channels", kPretrain, AMAES_AT(pretrain.probe.out_channels), "channels", {0, 4096}, {},
       "of probe.classes; filled at submit", {}},
  });
  // clang-format on
}

void AddFinetune(std::vector<Field>& out) {
  // clang-format off
  out.insert(out.end(), {
      {"dataset.channels", kFinetune, AMAES_AT(finetune.cases.channels), "", kNone, {},
       "modalities of a case in the network's order, e.g. \"FLAIR,T1w\"; empty = each labelled volume is a case",
       {"channels", "modalities"}},
      {"dataset.train_cases", kFinetune, AMAES_AT(finetune.cases.train_cases), "cases", {0, 1e9}, {},
       "few-shot: so many of the training cases, the first of one order; 0 = all", {"n_samples", "train_cases", "shots"}},
      {"dataset.validation_share", kFinetune, AMAES_AT(finetune.cases.validation_share), "", {0, 1, false, true}, {},
       "of the subjects that are not held out", {"val_split", "validation_split"}},
      {"dataset.case_seed", kFinetune, AMAES_AT(finetune.cases.case_seed), "", {-1, 1e15}, {},
       "of the division and the choice of cases; -1 = seed", {"split_seed"}},
      {"network.deep_supervision", kFinetune, AMAES_AT(finetune.outputs.deep_supervision), "", kNone, {},
       "the loss is over coarser outputs too, with weights 1, 1/2, 1/4, …", {"deep_supervision"}},
      {"network.in_channels", kFinetune, AMAES_AT(finetune.outputs.in_channels), "channels", {0, 4096}, {},
       "of dataset.channels; filled at submit", {}},
      {"network.out_channels", kFinetune, AMAES_AT(finetune.outputs.out_channels), "channels", {0, 4096}, {},
       "of labels.classes; filled at submit", {"num_classes"}},
      {"labels.classes", kFinetune, AMAES_AT(finetune.labels.classes), "", kNone, {},
       "NAME=VALUES, separated by commas, e.g. \"necrosis=1,oedema=2\" or, as regions, \"WT=1+2+4,TC=1+4\"; empty = each value is a class",
       {"classes", "labels"}},
      {"labels.regions", kFinetune, AMAES_AT(finetune.labels.regions), "", kNone, {},
       "classes may overlap: each is found for itself", {"regions"}},
      {"labels.background", kFinetune, AMAES_AT(finetune.labels.background), "", kNone, {},
       "label values that count as background beside 0, joined by +", {}},
      {"sampling.foreground", kFinetune, AMAES_AT(finetune.sampling.foreground), "", {0, 1}, {},
       "share of the crops that hold a labelled voxel", {"p_oversample_foreground", "oversample_foreground_percent"}},
      {"schedule.epochs", kFinetune, AMAES_AT(finetune.epochs.epochs), "epochs", {1, 1e7}, {},
       "used when schedule.steps is 0", {"epochs", "max_epochs"}},
      {"schedule.epoch_steps", kFinetune, AMAES_AT(finetune.epochs.epoch_steps), "steps", {1, 1e7}, {},
       "in an epoch; the learning rate changes after each", {"train_batches_per_step", "num_iterations_per_epoch"}},
      {"schedule.period_ratio", kFinetune, AMAES_AT(finetune.epochs.period_ratio), "", {1, 1e3}, {},
       "half a period of the cosine over the length of the run", {}},
      {"schedule.floor", kFinetune, AMAES_AT(finetune.epochs.floor), "per step", {0, 1}, {},
       "learning rate at the end of the cosine", {"eta_min"}},
      {"init.from", kFinetune, AMAES_AT(finetune.init.from), "", kNone, {},
       "job:NAME[@STEP, @last or @best], or an absolute path of a checkpoint folder or a .safetensors file; empty = random weights",
       {"init_from", "pretrained", "init", "checkpoint"}},
      {"init.scratch", kFinetune, AMAES_AT(finetune.init.scratch), "", kNone, {},
       "random weights in spite of init.from, nothing frozen: the matched control", {"from_scratch"}},
      {"init.load_decoder", kFinetune, AMAES_AT(finetune.init.load_decoder), "", kNone, {},
       "layers of the decoder too, where they fit; that none does is an error", {"load_decoder"}},
      {"init.allow_mismatch", kFinetune, AMAES_AT(finetune.init.allow_mismatch), "", kNone, {},
       "an encoder that does not fit in full is taken as far as it does", {}},
      {"init.any_contract", kFinetune, AMAES_AT(finetune.init.any_contract), "", kNone, {},
       "also an encoder that was trained on volumes of another contract than the dataset's", {}},
      {"init.freeze_encoder_steps", kFinetune, AMAES_AT(finetune.init.freeze_encoder_steps), "steps", kSteps, {},
       "first steps in which the decoder trains alone; fewer than the job's", {"decoder_warmup_steps", "freeze_encoder"}},
      {"init.weights", kFinetune, AMAES_AT(finetune.init.weights), "", kNone, {"auto", "trained", "average"},
       "of a checkpoint folder: as trained, or their moving average (ema.decay); auto = the average where there is one", {}},
      {"init.path", kFinetune, AMAES_AT(finetune.init.path), "", kNone, {}, "file of the weights; filled at submit", {}},
      {"init.sha256", kFinetune, AMAES_AT(finetune.init.sha256), "", kNone, {}, "of that file; filled at submit", {}},
  });
  // clang-format on
}

void AddEvaluate(std::vector<Field>& out) {
  // clang-format off
  out.insert(out.end(), {
      {"dataset.name", kEvaluate, AMAES_AT(evaluate.dataset.name), "", kNone, {}, "dataset with labels; required", {"data"}},
      {"dataset.version", kEvaluate, AMAES_AT(evaluate.dataset.version), "", {0, 1e9}, {}, "0 = the newest at submit", {}},
      {"dataset.digest", kEvaluate, AMAES_AT(evaluate.dataset.digest), "", kNone, {},
       "SHA-256 of the version; filled at submit", {}},
      {"dataset.filter", kEvaluate, AMAES_AT(evaluate.dataset.filter), "", kNone, {},
       "volumes to use, e.g. \"collection=WMH\"; empty = all", {"filter", "select"}},
      {"dataset.split", kEvaluate, AMAES_AT(evaluate.dataset.split), "", kNone, {"held_out", "validation", "train", "all"},
       "which cases: never trained on, the checkpoint's validation or training cases, or all", {"split"}},
      {"dataset.moved", kEvaluate, AMAES_AT(evaluate.dataset.moved), "", kNone, {},
       "FROM=TO, two absolute folders: where the files were ingested, where they are now; empty = where they were", {}},
      {"checkpoint.from", kEvaluate, AMAES_AT(evaluate.checkpoint.from), "", kNone, {},
       "job:NAME[@STEP, @last or @best], or the absolute path of a checkpoint folder; required",
       {"checkpoint", "model", "from"}},
      {"checkpoint.weights", kEvaluate, AMAES_AT(evaluate.checkpoint.weights), "", kNone, {"auto", "trained", "average"},
       "as trained, or their moving average (ema.decay); auto = the average where there is one", {}},
      {"checkpoint.path", kEvaluate, AMAES_AT(evaluate.checkpoint.path), "", kNone, {}, "its folder; filled at submit", {}},
      {"checkpoint.sha256", kEvaluate, AMAES_AT(evaluate.checkpoint.sha256), "", kNone, {},
       "of its manifest; filled at submit", {}},
      {"scoring.regions", kEvaluate, AMAES_AT(evaluate.scoring.regions), "", kNone, {},
       "NAME=VALUES to score, e.g. \"WT=1+2+4,TC=1+4,ET=4\"; empty = the network's classes or regions",
       {"regions", "labels.regions"}},
      {"scoring.background", kEvaluate, AMAES_AT(evaluate.scoring.background), "", kNone, {},
       "further label values that count as background, joined by +", {"background", "labels.background"}},
      {"window.patch", kEvaluate, AMAES_AT(evaluate.window.patch), "voxels along x, y, z", {0, 512}, {},
       "of the sliding window; 0 = the checkpoint's patch", {"patch", "patch_size", "roi_size"}},
      {"window.overlap", kEvaluate, AMAES_AT(evaluate.window.overlap), "", {0, 1, false, true}, {},
       "of neighbouring windows, as a share of their side", {"overlap"}},
      {"window.weights", kEvaluate, AMAES_AT(evaluate.window.weights), "", kNone, {"sum", "gaussian"},
       "sum = logits are added up (the reference); gaussian = a mean that trusts the middle of a window most",
       {"weighting", "window.mode"}},
      {"window.mirror", kEvaluate, AMAES_AT(evaluate.window.mirror), "", kNone, {"none", "x", "y", "z", "xy", "xz", "yz", "xyz"},
       "axes along which the volume is flipped too, in all combinations", {"mirror", "tta"}},
      {"window.batch", kEvaluate, AMAES_AT(evaluate.window.batch), "windows", {1, 1024}, {}, "per forward pass",
       {"sw_batch_size"}},
      {"predictions", kEvaluate, AMAES_AT(evaluate.predictions), "", kNone, {},
       "keep them as NIfTI files on the scans' own grids", {"save_predictions"}},
      {"workers", kEvaluate, AMAES_AT(evaluate.workers), "slots", {1, 4096}, {}, "processes that share the cases",
       {"gpus", "num_gpus"}},
      {"device", kEvaluate, AMAES_AT(evaluate.device), "", kNone, {"auto", "cpu", "gpu"}, "kind of slot", {"accelerator"}},
      {"precision", kEvaluate, AMAES_AT(evaluate.precision), "", kNone, {"fp32", "bf16"},
       "fp32 = IEEE, no TF32; bf16 = autocast, sums stay fp32", {"dtype"}},
      {"threads_per_worker", kEvaluate, AMAES_AT(evaluate.threads_per_worker), "threads", {1, 1024}, {},
       "of a worker's tensor operations on the CPU", {"threads"}},
  });
  // clang-format on
}

void AddIngest(std::vector<Field>& out) {
  // clang-format off
  out.insert(out.end(), {
      {"dataset", kIngest, AMAES_AT(ingest.dataset), "", kNone, {}, "dataset to make a version of; required",
       {"dataset.name"}},
      {"from", kIngest, AMAES_AT(ingest.from), "", kNone, {}, "absolute folder on the agent's node; required",
       {"path", "folder"}},
      {"layout", kIngest, AMAES_AT(ingest.layout), "", kNone,
       {"auto", "bids", "fomo", "nnunet", "nnssl", "msd", "csv", "npy", "dicom", "folder"},
       "how the scans lie there; auto = found out", {"format"}},
      {"source", kIngest, AMAES_AT(ingest.source), "", kNone, {"", "brains-45k", "fomo-60k", "openmind"},
       "public collection that the folder should be; empty = none", {"collection"}},
      {"contract", kIngest, AMAES_AT(ingest.contract), "", kNone, {"amaes", "zscore"},
       "how volumes are oriented, cropped and normalised", {"preprocessing"}},
      {"spacing", kIngest, AMAES_AT(ingest.spacing), "mm", kNone, {},
       "of the stored volumes: \"1\", \"1x1x2\", \"median\" of the scans, or \"native\"", {"target_spacing", "spacing_mm"}},
      {"reference_crop", kIngest, AMAES_AT(ingest.reference_crop), "", kNone, {},
       "keep one voxel beyond the last foreground index, as the reference does", {}},
      {"frames", kIngest, AMAES_AT(ingest.frames), "", kNone, {"first", "split", "refuse"},
       "of a 4D file: the first volume, all of them, or none", {}},
      {"nonfinite", kIngest, AMAES_AT(ingest.nonfinite), "", kNone, {"repair", "quarantine"},
       "NaN and infinities: 0 instead, or the file is not taken", {"nan"}},
      {"labels", kIngest, AMAES_AT(ingest.labels), "", kNone, {},
       "ingest label maps and masks with the volumes that they belong to", {}},
      {"held_out_share", kIngest, AMAES_AT(ingest.held_out_share), "of subjects", {0, 0.9}, {},
       "kept apart, e.g. 0.25 as a test set; 0 = 1 %, but 5 to 1000 subjects and at most a fifth", {"test_share", "val_share"}},
      {"workers", kIngest, AMAES_AT(ingest.workers), "slots", {1, 4096}, {}, "that read at the same time", {"slots"}},
      {"processes", kIngest, AMAES_AT(ingest.processes), "processes", {0, 1024}, {},
       "files read at once on a slot; 0 = the slot's cores", {"num_workers"}},
      {"memory_limit_mib", kIngest, AMAES_AT(ingest.memory_limit_mib), "MiB per file", {64, 1 << 20}, {},
       "a file that needs more is quarantined", {"memory_limit"}},
      {"time_limit_seconds", kIngest, AMAES_AT(ingest.time_limit_seconds), "seconds per file", {1, 86400}, {},
       "a file that takes longer is quarantined", {"time_limit", "timeout"}},
  });
  // clang-format on
}

#undef AMAES_AT
#undef AMAES_TRAINING

}  // namespace

const std::vector<Field>& SpecFields() {
  static const std::vector<Field>* const fields = [] {
    auto* out = new std::vector<Field>;
    AddCommon(*out);
    AddData(*out);
    AddTraining(*out);
    AddPlaces(*out);
    AddProbe(*out);
    AddFinetune(*out);
    AddEvaluate(*out);
    AddIngest(*out);
    return out;
  }();
  return *fields;
}

JobKind FirstKind(const Field& field) {
  for (const JobKind kind : {JobKind::kPretrain, JobKind::kFinetune, JobKind::kEvaluate}) {
    if (field.kinds.contains(kind)) return kind;
  }
  return JobKind::kIngest;
}

const Field* FindField(absl::string_view path, JobKind kind) {
  for (const Field& field : SpecFields()) {
    if (field.path == path && field.kinds.contains(kind)) return &field;
  }
  return nullptr;
}

}  // namespace amaes
