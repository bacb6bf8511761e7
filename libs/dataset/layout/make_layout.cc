#include "absl/strings/str_cat.h"
#include "libs/dataset/layout.h"
#include "libs/dataset/layout/folder_layout.h"

namespace amaes {

absl::StatusOr<std::unique_ptr<Layout>> MakeLayout(const std::string& name) {
  if (name == "folder" || name == "auto") return std::make_unique<FolderLayout>();
  return absl::NotFoundError(absl::StrCat("no layout '", name, "'; known: auto, folder"));
}

}  // namespace amaes
