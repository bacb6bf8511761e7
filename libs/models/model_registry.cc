#include "libs/models/model_registry.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/status_macros.h"
#include "libs/models/mednext.h"
#include "libs/models/resenc.h"
#include "libs/models/script_network.h"
#include "libs/models/swin_unetr.h"
#include "libs/models/torch_errors.h"
#include "libs/models/unet.h"

namespace amaes {
namespace {

struct Entry {
  const char* name;  // as in network_facts.cc, which knows its width
  std::unique_ptr<Network> (*make)(const NetworkOptions& options);
};

constexpr std::array kMakers = {
    Entry{"unet_b", MakeUNet},          Entry{"unet_xl", MakeUNet},       Entry{"unet", MakeUNet},
    Entry{"mednext_m", MakeMedNeXtM},   Entry{"mednext_l", MakeMedNeXtL}, Entry{"resenc_l", MakeResEncL},
    Entry{"swin_unetr", MakeSwinUnetr},
};

}  // namespace

absl::StatusOr<std::unique_ptr<Network>> MakeNetwork(const NetworkOptions& options) {
  if (options.name == kScriptNetwork) {
    return LoadScriptNetwork({.file = options.script,
                              .encoder_prefix = options.encoder_prefix,
                              .in_channels = options.in_channels,
                              .out_channels = options.out_channels});
  }
  for (const Entry& entry : kMakers) {
    if (options.name != entry.name) continue;
    NetworkOptions resolved = options;
    if (options.filters == 0) resolved.filters = FiltersOf(options);
    const NetworkFacts* facts = FindNetwork(options.name);
    if (facts != nullptr && facts->widths > 1 && !TakesFilters(*facts, resolved.filters)) {
      return absl::InvalidArgumentError(absl::StrCat("network.filters is ", options.filters, "; network ", options.name,
                                                     " needs a multiple of ", facts->widths));
    }
    if (facts != nullptr && options.deep_supervision && !facts->deep_supervision) {
      return absl::InvalidArgumentError(absl::StrCat("network ", options.name, " has no deep supervision"));
    }
    if (resolved.filters <= 0 || options.in_channels <= 0 || options.out_channels <= 0) {
      return absl::InvalidArgumentError(absl::StrCat("network.filters is ", options.filters, ", in ",
                                                     options.in_channels, ", out ", options.out_channels,
                                                     " channels; network ", options.name, " needs positive numbers"));
    }
    std::unique_ptr<Network> network;
    AMAES_RETURN_IF_ERROR(CatchTorch("network", [&] { network = entry.make(resolved); }));
    return network;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("network.name is \"", options.name, "\"; one of: ", absl::StrJoin(NetworkNames(), ", ")));
}

}  // namespace amaes
