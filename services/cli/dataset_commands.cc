// phantom, and the group of commands about datasets
#include <filesystem>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/volume/nifti.h"
#include "libs/volume/phantom.h"
#include "services/cli/context.h"
#include "services/cli/dataset_view.h"
#include "services/cli/exit_codes.h"

namespace amaes {
namespace {

struct PhantomFlags {
  std::string to;
  int subjects = 8;
  std::uint64_t seed = 1;
  bool labels = false;
};

absl::StatusOr<int> WritePhantoms(const PhantomFlags& flags) {
  AMAES_RETURN_IF_ERROR(files::MakeFolders(flags.to));
  PhantomOptions options;
  options.seed = flags.seed;
  for (int subject = 0; subject < flags.subjects; ++subject) {
    const Phantom phantom = MakePhantom(subject, options);
    const std::string stem = absl::StrFormat("%s/sub-phantom%03d", flags.to, subject);
    for (std::size_t i = 0; i < phantom.images.size(); ++i) {
      AMAES_RETURN_IF_ERROR(WriteNifti(absl::StrCat(stem, "_", phantom.contrasts[i], ".nii.gz"), phantom.images[i]));
    }
    if (flags.labels) AMAES_RETURN_IF_ERROR(WriteNifti(absl::StrCat(stem, "_label.nii.gz"), phantom.labels));
  }
  return kExitOk;
}

}  // namespace

void AddDatasetCommands(CLI::App& app, Context& context) {
  CLI::App* datasets = AddCommand(
      app, "dataset", "Datasets: add scans, list, show, report, verify, exclude, forget, remove", "amaes dataset ls");
  datasets->require_subcommand(1);
  AddDatasetAddCommand(*datasets, context);
  AddDatasetListCommands(*datasets, context);
  AddDatasetChangeCommands(*datasets, context);
  AddDatasetReportCommand(*datasets, context);
  {
    CLI::App* command = AddCommand(app, "phantom", "Writes brain-like phantoms (T1w, T2w, FLAIR), to try things out",
                                   "amaes phantom --to /tmp/phantoms --subjects 8");
    auto flags = std::make_shared<PhantomFlags>();
    command->add_option("--to", flags->to, "Folder")->required();
    command->add_option("--subjects", flags->subjects, "How many")->check(CLI::Range(1, 10000))->capture_default_str();
    command->add_option("--seed", flags->seed, "Another seed, other brains")->capture_default_str();
    command->add_flag("--labels", flags->labels, "Label maps too");
    context.OnRun(command, [flags] { return WritePhantoms(*flags); });
  }
}

}  // namespace amaes
