#include "services/agent/inventory.h"

#include <dlfcn.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/log.h"

namespace amaes {
namespace {

// The few NVML functions we call, by their C interface (stable since driver 410).
class Nvml {
 public:
  Nvml() : library_(dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL)) {
    if (library_ == nullptr) return;
    ready_ = Load(init_, "nvmlInit_v2") && Load(shutdown_, "nvmlShutdown") && Load(count_, "nvmlDeviceGetCount_v2") &&
             Load(handle_, "nvmlDeviceGetHandleByIndex_v2") && Load(name_, "nvmlDeviceGetName") &&
             Load(uuid_, "nvmlDeviceGetUUID") && Load(memory_, "nvmlDeviceGetMemoryInfo") && init_() == 0;
  }
  ~Nvml() {
    if (ready_) shutdown_();
    if (library_ != nullptr) dlclose(library_);
  }
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;

  std::vector<SlotInfo> Gpus() {
    std::vector<SlotInfo> gpus;
    unsigned count = 0;
    if (!ready_ || count_(&count) != 0) return gpus;
    for (unsigned i = 0; i < count; ++i) {
      void* device = nullptr;
      char name[96] = {}, uuid[96] = {};
      Memory memory{};
      if (handle_(i, &device) != 0 || name_(device, name, sizeof(name)) != 0 ||
          uuid_(device, uuid, sizeof(uuid)) != 0 || memory_(device, &memory) != 0) {
        LogWarning("agent", "a GPU does not answer and is left out", {{"index", i}});
        continue;
      }
      gpus.push_back({static_cast<int>(i), true, name, uuid, static_cast<std::int64_t>(memory.total)});
    }
    return gpus;
  }

 private:
  struct Memory {
    unsigned long long total, free, used;
  };
  template <typename Function>
  bool Load(Function& function, const char* symbol) {
    function = reinterpret_cast<Function>(dlsym(library_, symbol));
    return function != nullptr;
  }

  void* library_;
  bool ready_ = false;
  int (*init_)() = nullptr;
  int (*shutdown_)() = nullptr;
  int (*count_)(unsigned*) = nullptr;
  int (*handle_)(unsigned, void**) = nullptr;
  int (*name_)(void*, char*, unsigned) = nullptr;
  int (*uuid_)(void*, char*, unsigned) = nullptr;
  int (*memory_)(void*, Memory*) = nullptr;
};

constexpr int kMostCpuSlots = 8;

std::vector<SlotInfo> CpuSlots(int count, const Inventory& inventory) {
  std::vector<SlotInfo> slots;
  for (int i = 0; i < count; ++i) slots.push_back({i, false, "", "", inventory.memory_bytes / count});
  return slots;
}

}  // namespace

Inventory TakeInventory() {
  Inventory inventory;
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  // What this process may use: a Slurm or container allocation is smaller than the machine.
  inventory.cores = sched_getaffinity(0, sizeof(allowed), &allowed) == 0
                        ? CPU_COUNT(&allowed)
                        : static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  inventory.memory_bytes = static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE);
  inventory.gpus = Nvml().Gpus();
  return inventory;
}

absl::StatusOr<std::vector<SlotInfo>> ChooseSlots(const std::string& wanted, const Inventory& inventory) {
  if (wanted == "auto") {
    if (!inventory.gpus.empty()) return inventory.gpus;
    return CpuSlots(std::clamp(inventory.cores, 1, kMostCpuSlots), inventory);
  }
  int count = 0;
  if (!absl::SimpleAtoi(wanted, &count) || count < 1 || count > 1024) {
    return absl::InvalidArgumentError(
        absl::StrCat("--slots ", wanted, ": give 'auto' or a number of CPU slots from 1 to 1024"));
  }
  return CpuSlots(count, inventory);
}

int CoresPerSlot(const Inventory& inventory, std::size_t slots) {
  return std::max(1, inventory.cores / static_cast<int>(std::max<std::size_t>(slots, 1)));
}

}  // namespace amaes
