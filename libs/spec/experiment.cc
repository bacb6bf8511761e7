#include "libs/spec/experiment.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "libs/base/digest.h"
#include "libs/spec/spec_io.h"

namespace amaes {
namespace {

constexpr std::size_t kLongestName = 63;

bool IsName(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_islower(static_cast<unsigned char>(c)) || absl::ascii_isdigit(static_cast<unsigned char>(c)) ||
           c == '-';
  });
}

// A job's name says what it is for; what would be too long ends with a digest of the whole.
std::string JobNameOf(const std::string& experiment, const std::string& key) {
  std::string name = absl::StrCat(experiment, "-", absl::StrReplaceAll(key, {{"/", "-"}}));
  if (name.size() <= kLongestName) return name;
  const std::string digest = Sha256Hex(name).substr(0, 8);
  return absl::StrCat(name.substr(0, kLongestName - digest.size() - 1), "-", digest);
}

class Reader {
 public:
  explicit Reader(const YAML::Node& root) : root_(root) {}

  absl::StatusOr<Experiment> Read() {
    CheckKeys(root_, "", {"name", "metric", "pretrain", "finetune", "evaluate"});
    out_.name = Text(root_["name"], "name", true);
    if (!out_.name.empty() && !IsName(out_.name)) Problem("name", "lower-case letters, digits and - only");
    if (root_["metric"]) out_.metric = Text(root_["metric"], "metric", true);
    ReadPretrain();
    ReadFinetune();
    ReadEvaluate();
    if (problems_.empty()) return out_;
    return absl::InvalidArgumentError(absl::StrCat("experiment: ", absl::StrJoin(problems_, "; ")));
  }

 private:
  void Problem(const std::string& where, const std::string& what) {
    problems_.push_back(absl::StrCat(where, ": ", what));
  }

  void CheckKeys(const YAML::Node& node, const std::string& where, const std::set<std::string>& known) {
    if (!node.IsMap()) return Problem(where.empty() ? "the file" : where, "is no mapping");
    for (const auto& entry : node) {
      const std::string key = entry.first.as<std::string>();
      if (known.contains(key)) continue;
      Problem(where.empty() ? key : absl::StrCat(where, ".", key),
              absl::StrCat("unknown; there are ", absl::StrJoin(known, ", ")));
    }
  }

  std::string Text(const YAML::Node& node, const std::string& where, bool required) {
    if (node && node.IsScalar() && !node.Scalar().empty()) return node.Scalar();
    if (node && !node.IsNull()) {
      Problem(where, "is no text");
    } else if (required) {
      Problem(where, "is required");
    }
    return "";
  }

  // The preset's text (`otherwise` when none is named), then `set`.
  std::vector<std::string> Layers(const YAML::Node& node, const std::string& where, const std::string& otherwise) {
    std::vector<std::string> layers;
    const std::string preset = node["preset"] ? Text(node["preset"], where + ".preset", true) : otherwise;
    const absl::StatusOr<std::string> text = PresetText(preset);
    if (text.ok()) {
      layers.push_back(*text);
    } else {
      Problem(where + ".preset", std::string(text.status().message()));
    }
    AddSet(node, where, layers);
    return layers;
  }

  void AddSet(const YAML::Node& node, const std::string& where, std::vector<std::string>& layers) {
    if (!node["set"]) return;
    if (!node["set"].IsMap()) return Problem(where + ".set", "is no mapping of fields to values");
    layers.push_back(YAML::Dump(node["set"]));
  }

  void Add(ExperimentJob job) {
    job.name = JobNameOf(out_.name, job.key);
    job.assignments.insert(job.assignments.begin(), absl::StrCat("name=", job.name));
    ParsedSpec parsed = SpecOfExperimentJob(job, job.from.empty() ? "" : "an-earlier-job");
    if (parsed.problems.empty()) parsed.problems = ValidateSpec(parsed.spec);
    for (const SpecProblem& problem : parsed.problems) {
      Problem(job.key, absl::StrCat(problem.field, " ", problem.message));
    }
    out_.jobs.push_back(std::move(job));
  }

  bool GoodName(const std::string& name, const std::string& where) {
    if (IsName(name)) return true;
    Problem(where, absl::StrCat("\"", name, "\" is no name: lower-case letters, digits and - only"));
    return false;
  }

  void ReadPretrain() {
    if (!root_["pretrain"]) return;
    if (!root_["pretrain"].IsMap()) return Problem("pretrain", "is no mapping of names to jobs");
    for (const auto& entry : root_["pretrain"]) {
      const std::string name = entry.first.as<std::string>();
      const std::string where = absl::StrCat("pretrain.", name);
      if (!GoodName(name, where)) continue;
      CheckKeys(entry.second, where, {"preset", "set"});
      if (!entry.second.IsMap()) continue;
      pretrained_.insert(name);
      Add({.key = absl::StrCat("pretrain/", name),
           .name = "",
           .layers = Layers(entry.second, where, "pretrain"),
           .assignments = {},
           .from = "",
           .checkpoint = ""});
    }
  }

  void ReadSeeds(const YAML::Node& node) {
    if (!node || !node.IsSequence() || node.size() == 0)
      return Problem("finetune.seeds", "is required: a list of numbers");
    for (const YAML::Node& seed : node) {
      std::int64_t number = 0;
      if (!seed.IsScalar() || !YAML::convert<std::int64_t>::decode(seed, number) || number < 0) {
        Problem("finetune.seeds", "holds what is no number from 0 on");
      } else if (std::find(out_.seeds.begin(), out_.seeds.end(), number) != out_.seeds.end()) {
        Problem("finetune.seeds", absl::StrCat(number, " stands there twice"));
      } else {
        out_.seeds.push_back(number);
      }
    }
  }

  void ReadFinetune() {
    const YAML::Node node = root_["finetune"];
    if (!node || !node.IsMap()) return Problem("finetune", "is required: a mapping with seeds and arms");
    CheckKeys(node, "finetune", {"preset", "set", "seeds", "arms"});
    ReadSeeds(node["seeds"]);
    const std::vector<std::string> common = Layers(node, "finetune", "finetune");
    if (!node["arms"] || !node["arms"].IsMap())
      return Problem("finetune.arms", "is required: a mapping of names to arms");
    for (const auto& entry : node["arms"]) {
      const std::string arm = entry.first.as<std::string>();
      const std::string where = absl::StrCat("finetune.arms.", arm);
      if (!GoodName(arm, where)) continue;
      CheckKeys(entry.second, where, {"from", "checkpoint", "control", "set"});
      if (!entry.second.IsMap()) continue;
      ReadArm(arm, where, entry.second, common);
    }
    CheckControls();
  }

  // Where exactly one arm starts from scratch, it is the control of all others that name none.
  void CheckControls() {
    std::vector<std::string> names, scratch;
    for (const ExperimentArm& arm : out_.arms) {
      names.push_back(arm.name);
      if (arm.pretrain.empty()) scratch.push_back(arm.name);
    }
    for (ExperimentArm& arm : out_.arms) {
      if (arm.control.empty() && !arm.pretrain.empty() && scratch.size() == 1) arm.control = scratch.front();
      if (arm.control.empty()) continue;
      if (arm.control == arm.name || std::find(names.begin(), names.end(), arm.control) == names.end()) {
        Problem(absl::StrCat("finetune.arms.", arm.name, ".control"),
                absl::StrCat("\"", arm.control, "\" is no other arm: ", absl::StrJoin(names, ", ")));
      }
    }
  }

  void ReadArm(const std::string& arm, const std::string& where, const YAML::Node& node,
               std::vector<std::string> layers) {
    const std::string from = Text(node["from"], where + ".from", true);
    const bool scratch = from == "scratch";
    if (!from.empty() && !scratch && !pretrained_.contains(from)) {
      Problem(
          where + ".from",
          absl::StrCat("\"", from, "\" is neither scratch nor one of pretrain: ", absl::StrJoin(pretrained_, ", ")));
    }
    std::string checkpoint = node["checkpoint"] ? Text(node["checkpoint"], where + ".checkpoint", true) : "last";
    if (checkpoint != "last" && checkpoint != "best") Problem(where + ".checkpoint", "is last or best");
    AddSet(node, where, layers);
    out_.arms.push_back(
        {arm, scratch ? "" : from, node["control"] ? Text(node["control"], where + ".control", true) : ""});
    for (const std::int64_t seed : out_.seeds) {
      std::vector<std::string> assignments = {absl::StrCat("seed=", seed)};
      if (scratch) assignments.emplace_back("init.scratch=true");  // so that init.* that all arms share does no harm
      Add({.key = FinetuneKey(arm, seed),
           .name = "",
           .layers = layers,
           .assignments = std::move(assignments),
           .from = scratch ? "" : absl::StrCat("pretrain/", from),
           .checkpoint = checkpoint});
    }
  }

  void ReadEvaluate() {
    const YAML::Node node = root_["evaluate"];
    if (!node || !node.IsMap() || node.size() == 0)
      return Problem("evaluate", "is required: a mapping of names to evaluations");
    for (const auto& entry : node) {
      const std::string name = entry.first.as<std::string>();
      const std::string where = absl::StrCat("evaluate.", name);
      if (!GoodName(name, where)) continue;
      CheckKeys(entry.second, where, {"preset", "set", "checkpoint"});
      if (!entry.second.IsMap()) continue;
      const std::string checkpoint =
          entry.second["checkpoint"] ? Text(entry.second["checkpoint"], where + ".checkpoint", true) : "last";
      if (checkpoint != "last" && checkpoint != "best") Problem(where + ".checkpoint", "is last or best");
      out_.evaluations.push_back(name);
      const std::vector<std::string> layers = Layers(entry.second, where, "evaluate");
      for (const ExperimentArm& arm : out_.arms) {
        for (const std::int64_t seed : out_.seeds) {
          Add({.key = EvaluateKey(name, arm.name, seed),
               .name = "",
               .layers = layers,
               .assignments = {},
               .from = FinetuneKey(arm.name, seed),
               .checkpoint = checkpoint});
        }
      }
    }
  }

  const YAML::Node root_;
  Experiment out_;
  std::set<std::string> pretrained_;
  std::vector<std::string> problems_;
};

}  // namespace

std::string FinetuneKey(const std::string& arm, std::int64_t seed) { return absl::StrCat("finetune/", arm, "/", seed); }

std::string EvaluateKey(const std::string& evaluation, const std::string& arm, std::int64_t seed) {
  return absl::StrCat("evaluate/", evaluation, "/", arm, "/", seed);
}

ParsedSpec SpecOfExperimentJob(const ExperimentJob& job, const std::string& from_id) {
  std::vector<std::string> assignments = job.assignments;
  if (!from_id.empty()) {
    const bool evaluates = job.key.rfind("evaluate/", 0) == 0;
    assignments.push_back(
        absl::StrCat(evaluates ? "checkpoint.from" : "init.from", "=job:", from_id, "@", job.checkpoint));
    assignments.push_back(absl::StrCat("after=", from_id));
  }
  return ParseSpecLayers(job.layers, assignments);
}

absl::StatusOr<Experiment> ParseExperiment(const std::string& text) {
  try {
    return Reader(YAML::Load(text)).Read();
  } catch (const YAML::Exception& e) {
    if (e.mark.is_null()) return absl::InvalidArgumentError(absl::StrCat("experiment: ", e.msg));
    return absl::InvalidArgumentError(
        absl::StrCat("experiment: line ", e.mark.line + 1, ", column ", e.mark.column + 1, ": ", e.msg));
  }
}

}  // namespace amaes
