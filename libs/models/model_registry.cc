#include "libs/models/model_registry.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/status_macros.h"
#include "libs/models/torch_errors.h"
#include "libs/models/unet.h"

namespace amaes {
namespace {

struct Entry {
  const char* name;
  std::int64_t filters;  // 0 = has to be given
  std::unique_ptr<Network> (*make)(std::int64_t filters, std::uint64_t seed);
};

std::unique_ptr<Network> UNetOf(std::int64_t filters, std::uint64_t seed) {
  return MakeUNet({.filters = filters, .seed = seed});
}

constexpr std::array kNetworks = {
    Entry{"unet_b", 32, UNetOf},
    Entry{"unet_xl", 64, UNetOf},
    Entry{"unet", 0, UNetOf},
};

}  // namespace

std::vector<std::string> NetworkNames() {
  std::vector<std::string> names;
  for (const Entry& entry : kNetworks) names.push_back(entry.name);
  return names;
}

absl::StatusOr<std::unique_ptr<Network>> MakeNetwork(const NetworkOptions& options) {
  for (const Entry& entry : kNetworks) {
    if (options.name != entry.name) continue;
    const std::int64_t filters = options.filters == 0 ? entry.filters : options.filters;
    if (filters <= 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("network.filters is ", options.filters, "; network ", options.name, " needs a positive number"));
    }
    std::unique_ptr<Network> network;
    AMAES_RETURN_IF_ERROR(CatchTorch("network", [&] { network = entry.make(filters, options.seed); }));
    return network;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("network.name is \"", options.name, "\"; one of: ", absl::StrJoin(NetworkNames(), ", ")));
}

}  // namespace amaes
