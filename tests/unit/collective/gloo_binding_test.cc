// LibTorch exports Gloo symbols of another version than the system's library: the module must not bind to those.
#include <ATen/core/Tensor.h>
#include <ATen/ops/ones.h>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <link.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "libs/collective/make_communicator.h"
#include "libs/collective/module.h"
#include "tests/unit/collective/memory_store.h"

namespace amaes {
namespace {

std::string FileOf(void* address) {
  Dl_info info{};
  return dladdr(address, &info) != 0 ? info.dli_fname : "";
}

// The addresses that an open module's jump slots hold (RTLD_NOW: all are filled) for symbols whose name holds `part`.
std::vector<void*> BoundAddresses(void* module, const char* part) {
  link_map* map = nullptr;
  if (dlinfo(module, RTLD_DI_LINKMAP, &map) != 0) return {};
  const ElfW(Sym)* symbols = nullptr;
  const char* names = nullptr;
  const ElfW(Rela) * relocations[2] = {nullptr, nullptr};
  std::size_t sizes[2] = {0, 0};
  for (const ElfW(Dyn)* entry = map->l_ld; entry->d_tag != DT_NULL; ++entry) {
    const auto pointer = entry->d_un.d_ptr;
    if (entry->d_tag == DT_SYMTAB) symbols = reinterpret_cast<const ElfW(Sym)*>(pointer);
    if (entry->d_tag == DT_STRTAB) names = reinterpret_cast<const char*>(pointer);
    if (entry->d_tag == DT_JMPREL) relocations[0] = reinterpret_cast<const ElfW(Rela)*>(pointer);
    if (entry->d_tag == DT_PLTRELSZ) sizes[0] = entry->d_un.d_val;
    if (entry->d_tag == DT_RELA) relocations[1] = reinterpret_cast<const ElfW(Rela)*>(pointer);
    if (entry->d_tag == DT_RELASZ) sizes[1] = entry->d_un.d_val;
  }
  std::vector<void*> out;
  for (int table = 0; table < 2; ++table) {
    for (std::size_t i = 0; i < sizes[table] / sizeof(ElfW(Rela)); ++i) {
      const ElfW(Rela)& relocation = relocations[table][i];
      const ElfW(Sym)& symbol = symbols[ELF64_R_SYM(relocation.r_info)];
      const auto type = ELF64_R_TYPE(relocation.r_info);
      if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) continue;
      if (!absl::StrContains(names + symbol.st_name, part)) continue;
      out.push_back(*reinterpret_cast<void**>(map->l_addr + relocation.r_offset));
    }
  }
  return out;
}

// A handle of the loaded shared object with this file name.
void* FindLoaded(const char* file) {
  std::pair<std::string, std::string> name{file, ""};
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) {
        auto& [wanted, found] = *static_cast<std::pair<std::string, std::string>*>(data);
        if (std::filesystem::path(info->dlpi_name).filename() == wanted) found = info->dlpi_name;
        return 0;
      },
      &name);
  return name.second.empty() ? nullptr : dlopen(name.second.c_str(), RTLD_NOW | RTLD_NOLOAD);
}

void ExpectBoundToGloo(void* module, std::size_t at_least) {
  const std::vector<void*> bound = BoundAddresses(module, "4gloo");
  EXPECT_GE(bound.size(), at_least);
  for (void* const address : bound) {
    const std::string file = std::filesystem::path(FileOf(address)).filename().string();
    EXPECT_TRUE(absl::StartsWith(file, "libgloo.so")) << FileOf(address);
  }
}

TEST(GlooBindingTest, ModuleAndItsLibraryUseTheSystemsGloo) {
  // LibTorch is in use, and has a Gloo of its own for everyone to see.
  ASSERT_EQ(at::ones({3}).sum().item<float>(), 3.0f);
  constexpr char kCreateDevice[] = "_ZN4gloo9transport3tcp12CreateDeviceERKNS1_4attrE";
  void* const visible = dlsym(RTLD_DEFAULT, kCreateDevice);
  ASSERT_NE(visible, nullptr);

  MemoryStore store;
  CommunicatorOptions options;
  options.bind_address = "127.0.0.1";
  ASSERT_TRUE(MakeGlooCommunicator(options, store).ok());
  void* const module = FindLoaded(kGlooModule);
  ASSERT_NE(module, nullptr);
  void* const library = dlopen("libgloo.so.0", RTLD_NOW | RTLD_NOLOAD);
  ASSERT_NE(library, nullptr);
  ExpectBoundToGloo(module, 1);    // CreateDevice; all else is called through virtual tables
  ExpectBoundToGloo(library, 50);  // the library's calls of its own exported symbols
}

}  // namespace
}  // namespace amaes
