// Which tensors of a checkpoint become initial weights of another network. Pure; no LibTorch here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace amaes {

// In the folder of a job: its load report, InitReportJson.
inline constexpr char kInitReport[] = "init.json";

struct TensorShape {
  std::string name;
  std::vector<std::int64_t> shape;
};

struct InitRules {
  std::string encoder_prefix = "encoder.";  // of the network, with its dot
  bool load_decoder = false;                // layers of the decoder too, where all of their tensors fit
};

struct InitPlan {
  struct Load {
    std::string target, source;  // names in the network, and in the file
    std::int64_t repeat = 1;     // the stem of one channel is repeated over so many, and divided by their number
  };
  std::vector<Load> loads;
  // Of the encoder; each makes the plan incomplete.
  std::vector<std::string> missing;     // the network has it, the file does not
  std::vector<std::string> unexpected;  // the file has it, the network does not
  std::vector<std::string> mismatched;  // "NAME: [64,1,3,3,3] in the file, [32,1,3,3,3] in the network"
  std::vector<std::string> left_out;    // of the file's other tensors: not asked for, or they do not fit
  std::vector<std::string> fresh;       // of the network's: they keep their random initial values

  bool complete() const { return missing.empty() && unexpected.empty() && mismatched.empty(); }
};

// `model.`, `module.` and `_orig_mod.` in front of a name mean nothing. A decoder's tensors correspond whether their head is
// called rec_head, pred_head or decoder.
InitPlan PlanInit(const std::vector<TensorShape>& file, const std::vector<TensorShape>& network,
                  const InitRules& rules);

// The name without what wrappers put in front of it.
std::string BareTensorName(absl::string_view name);

// What does not fit, a few names each: "2 tensors of the encoder are missing (…); …". "" when the plan is complete.
std::string Incompleteness(const InitPlan& plan);

// Canonical JSON of a load report: {"from", "sha256", "loaded", "repeated", "missing", "unexpected", "mismatched", "left_out",
// "fresh"}; `loaded` is a count, the rest are lists of names.
std::string InitReportJson(const InitPlan& plan, const std::string& from, const std::string& sha256);
// For people: a line, and one for each list that is not empty.   Empty for what is no report.
std::vector<std::string> InitReportLines(const std::string& json);

}  // namespace amaes
