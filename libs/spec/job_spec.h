// The job spec: what a user submits. This is the one place that knows every field, its unit, default and range; YAML,
// JSON, --set and the protobuf map to it (libs/spec/fields.cc holds the table).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libs/volume/volume.h"

namespace amaes {

enum class JobKind { kPretrain, kFinetune, kEvaluate, kIngest };

// What every job that trains a network has.
struct TrainingSpec {
  struct Dataset {
    std::string name;          // required
    std::int64_t version = 0;  // 0 = the newest at submit; resolved before the job is stored
    std::string digest{};      // filled at submit
    std::string filter{};      // which training volumes, e.g. "modality=T1w|T2w"; empty = all
    std::string repeats{};     // how often a pass visits a volume, e.g. "collection=OASIS3:2"; empty = once
    std::string selection{};   // digest of the resolved list; filled at submit; empty when filter and repeats are
    std::string contract{};    // that its volumes must have been prepared under, by name; empty = any
  } dataset;
  struct Network {
    std::string name = "unet_b";   // a row of network_facts.cc, or script
    std::int64_t filters = 0;      // starting width; 0 = the name's own
    std::string decoder = "auto";  // auto | light | standard; auto = light for pretraining, standard for finetuning
    std::string skips =
        "auto";            // auto | on | off: the decoder sees the encoder's levels; auto = on for finetuning only
    std::string script{};  // name script: absolute path of the TorchScript file, where workers read it too
    std::string encoder_prefix{};        // and what its encoder's parameters begin with; empty = "encoder"
    std::string script_digest{};         // SHA-256 of the file; filled at submit
    std::int64_t script_parameters = 0;  // numbers in it; filled at submit
  } network;
  Shape3 patch = Cube(128);  // voxels along x, y, z; multiples of what the network asks for
  // What each preset does: docs/augmentation.md.
  struct Augment {
    std::string preset = "intended";  // none | spatial | basic | intended | reference
    std::string grid = "preset";      // preset | whole | half: what an odd margin around the patch does
    std::string border = "preset";    // preset | volume | crop: what lies beyond the drawn crop
    std::string ringing = "preset";   // preset | relative | absolute: how many frequencies are kept
    double gamma_epsilon = 0;         // added to the range; 0 = the preset's
  } augment;
  struct Optimizer {
    double learning_rate = 1e-4;
    double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
    double weight_decay = 0.01;  // decoupled, on all parameters
    double clip_norm = 0;        // of the whole gradient; 0 = never clipped
  } optimizer;
  struct Guard {
    double spike_factor = 0;  // updates whose loss or gradient norm is above so many medians are left out; 0 = none
    std::int64_t max_skipped = 10;  // left out in a row; one more fails the job
  } guard;
  struct Ema {
    double decay = 0;  // of the moving average of the weights; 0 = none is kept
  } ema;
  struct Schedule {
    std::int64_t steps = 0;             // optimiser updates; 0 = from passes
    double passes = 100;                // through the training volumes; used when steps = 0
    std::int64_t warmup_steps = -1;     // linear; -1 = 5 % of steps
    double warmup_start_factor = 1e-3;  // of learning_rate, at step 0
  } schedule;
  std::int64_t global_batch = 16;  // samples per step (V); constant whatever the number of workers
  std::int64_t micro_batch = 1;    // samples per forward pass; 0 = chosen once by the memory there is
  std::int64_t workers = 1;        // world size (W)
  std::string device = "auto";     // auto | cpu | gpu
  std::string precision = "fp32";  // fp32 | bf16 (autocast)
  bool deterministic = false;
  std::int64_t threads_per_worker = 1;
  std::uint64_t seed = 1;
  struct Checkpoint {
    std::int64_t every_steps = 500;  // and always after the last step
    std::int64_t keep = 3;           // newest verified ones kept
    std::string best_metric{};       // of the validation; the best by it is kept too; empty = none is watched
  } checkpoint;
  struct Validation {
    std::int64_t every_steps = 500;  // and always before the first and after the last step; 0 = never
    std::int64_t crops = 8;          // fixed crops with fixed masks, held-out and training each
  } validation;
  struct Loader {
    std::int64_t threads = 1;        // per worker
    std::int64_t prefetch = 4;       // samples ready ahead per worker
    std::int64_t cache_mib = 256;    // compressed chunks kept in memory, per worker
    std::string on_damage = "fail";  // fail | skip: what a damaged chunk does
  } loader;
  struct Restart {
    std::int64_t max_restarts = 10;      // after worker failures; 0 = never
    std::int64_t no_progress_limit = 3;  // restarts in a row without a new checkpoint or step
  } restart;
};

struct PretrainSpec : TrainingSpec {
  struct Objective {
    std::string name = "masked";  // masked | swinunetr: what the network is pretrained for
    std::int64_t group = 4;       // swinunetr: consecutive samples that see each other; divides global_batch
  } objective;
  struct Mask {
    double ratio = 0.6;      // share of tokens masked, exact count; in (0, 1)
    std::int64_t token = 4;  // voxels per side of a token; divides patch
  } mask;
  struct Loss {
    std::string region = "whole";        // whole | masked: which voxels the MSE is over
    std::string anonymised = "exclude";  // exclude | include: voxels of a volume's anonymisation mask
    std::string target = "before";       // before | after the intensity transforms
  } loss;
  // A short finetuning of a copy of the encoder on a few labelled cases, while pretraining goes on.
  struct Probe {
    double every_passes = 0;                         // 0 = never
    std::string dataset{};                           // with labels
    std::int64_t version = 0;                        // 0 = the newest at submit; resolved before the job is stored
    std::string digest{};                            // filled at submit
    std::string channels{};                          // as cases.channels of finetuning
    std::string classes{};                           // as labels.classes; resolved at submit
    bool regions = false;                            // as labels.regions
    std::string background{};                        // as labels.background
    std::int64_t train_cases = 20;                   // 0 = all
    double validation_share = 0.2;                   // of the subjects that are not held out
    std::int64_t steps = 200;                        // of one probe
    std::int64_t global_batch = 2;                   // samples per step
    double learning_rate = 1e-4;                     // highest
    std::int64_t crops = 2;                          // of each validation case
    std::int64_t in_channels = 0, out_channels = 0;  // filled at submit
  } probe;
};

struct FinetuneSpec : TrainingSpec {
  FinetuneSpec() {
    augment.preset = "basic";  // the whole package makes a pretrained network forget (arXiv 2408.00640)
    optimizer.weight_decay = 3e-5;
    schedule.warmup_steps = 0;
    global_batch = 8;
    validation.crops = 2;  // of each case
  }
  // Fields of the groups dataset, network and schedule that only finetuning has.
  struct Cases {
    std::string
        channels{};  // modalities in the network's order, e.g. "FLAIR,T1w"; empty = each labelled volume is a case
    std::int64_t train_cases = 0;   // few-shot: as many training cases; 0 = all
    double validation_share = 0.2;  // of the subjects that are not held out
    std::int64_t case_seed = -1;    // of division and choice; -1 = seed; resolved at submit
  } cases;
  struct Outputs {
    bool deep_supervision = false;
    std::int64_t in_channels = 0, out_channels = 0;  // filled at submit
  } outputs;
  struct Epochs {
    std::int64_t epochs = 500;       // used when schedule.steps = 0
    std::int64_t epoch_steps = 100;  // steps in an epoch; the learning rate changes after each
    double period_ratio = 1.15;      // half a period of the cosine, in runs: it stops before the floor
    double floor = 1e-9;             // learning rate at its end
  } epochs;
  struct Labels {
    std::string classes{};     // NAME=VALUES, …; empty = each value is a class; resolved at submit
    bool regions = false;      // classes may overlap: a sigmoid each
    std::string background{};  // values that are background beside 0, joined by +
  } labels;
  struct Sampling {
    double foreground = 0.33;  // share of the crops that hold a labelled voxel
  } sampling;
  struct Init {
    std::string
        from{};  // job:NAME[@STEP|@last|@best], or an absolute path of a checkpoint folder or a .safetensors file
    bool scratch = false;                   // the same job from random weights: the matched control
    bool load_decoder = false;              // layers of the decoder too, where they fit
    bool allow_mismatch = false;            // an encoder that does not fit in full is taken as far as it does
    bool any_contract = false;              // also one that was trained on volumes of another contract
    std::int64_t freeze_encoder_steps = 0;  // first steps in which the decoder trains alone
    std::string weights = "auto";           // trained | average | auto: the moving average where there is one
    std::string path{}, sha256{};           // of the weights; filled at submit
  } init;

  std::uint64_t CaseSeed() const {
    return cases.case_seed < 0 ? seed % 1'000'000'000'000'000 : static_cast<std::uint64_t>(cases.case_seed);
  }
};

struct EvaluateSpec {
  struct Dataset {
    std::string name;                // required
    std::int64_t version = 0;        // 0 = the newest at submit; resolved before the job is stored
    std::string digest{};            // filled at submit
    std::string filter{};            // which labelled volumes; empty = all
    std::string split = "held_out";  // held_out | validation | train | all
    std::string moved{};             // FROM=TO: where the ingested files lie now
  } dataset;
  struct Checkpoint {
    std::string from{};            // required: job:NAME[@STEP|@last|@best], or the absolute path of a checkpoint folder
    std::string weights = "auto";  // trained | average | auto: the moving average where there is one
    std::string path{}, sha256{};  // folder, and SHA-256 of its manifest; filled at submit
  } checkpoint;
  struct Scoring {
    std::string regions{};     // NAME=VALUES, …: what is scored; empty = the network's classes or regions
    std::string background{};  // values of label maps that count as background, joined by +
  } scoring;
  struct Window {
    Shape3 patch{};               // 0 = the checkpoint's; resolved at submit
    double overlap = 0.5;         // of neighbouring windows
    std::string weights = "sum";  // sum | gaussian: how windows that overlap become one
    std::string mirror = "none";  // or axes along which the volume is flipped too, e.g. "xyz"
    std::int64_t batch = 1;       // windows per forward pass
  } window;
  bool predictions = true;         // keep them as NIfTI files
  std::int64_t workers = 1;        // slots that share the cases
  std::string device = "auto";     // auto | cpu | gpu
  std::string precision = "fp32";  // fp32 | bf16 (autocast)
  std::int64_t threads_per_worker = 1;
};

struct IngestSpec {
  std::string dataset;             // name of the dataset to make a version of
  std::string from;                // absolute folder on the agent's node
  std::string layout = "auto";     // how the scans lie there; auto = found out
  std::string source;              // a public collection that the folder should be, e.g. brains-45k; empty = none
  std::string contract = "amaes";  // amaes | zscore
  std::string spacing = "1";       // millimetres ("1" or "1x1x2"), "median" of the scans, or "native"
  bool reference_crop = false;
  std::string frames = "first";      // first | split | refuse: 4D files
  std::string nonfinite = "repair";  // repair (0 instead) | quarantine: NaN and infinities
  bool labels = true;                // ingest label maps and masks with their volumes
  double held_out_share = 0;   // of the subjects, e.g. 0.25 as a test set; 0 = 1 %, 5 to 1000 of them, at most a fifth
  std::int64_t workers = 1;    // slots that read at the same time
  std::int64_t processes = 0;  // files read at once; 0 = the slot's cores
  std::int64_t memory_limit_mib = 4096;   // per file
  std::int64_t time_limit_seconds = 300;  // per file
};

struct JobSpec {
  JobKind kind = JobKind::kPretrain;
  std::string name;            // shown to people; [a-z0-9-]{1,63}; empty = the job's id
  std::int64_t priority = 50;  // 0 … 100, higher first
  std::string after;  // names or ids of jobs, separated by commas: starts once all have succeeded; ids once submitted
  PretrainSpec pretrain;  // the one of these four that `kind` names
  FinetuneSpec finetune;
  EvaluateSpec evaluate;
  IngestSpec ingest;

  // Whether `training()` may be asked for.
  bool trains() const { return kind == JobKind::kPretrain || kind == JobKind::kFinetune; }
  TrainingSpec& training() { return kind == JobKind::kFinetune ? static_cast<TrainingSpec&>(finetune) : pretrain; }
  const TrainingSpec& training() const { return const_cast<JobSpec*>(this)->training(); }

  // Consecutive lanes that must stay on one rank, since their losses depend on each other.
  std::int64_t group() const {
    return kind == JobKind::kPretrain && pretrain.objective.name == "swinunetr" ? pretrain.objective.group : 1;
  }

  // Slots the job needs at once.
  std::int64_t slots() const {
    if (trains()) return training().workers;
    return kind == JobKind::kEvaluate ? evaluate.workers : ingest.workers;
  }
};

}  // namespace amaes
