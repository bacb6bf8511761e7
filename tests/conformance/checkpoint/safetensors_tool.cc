// safetensors_tool dump FILE            prints what a file holds as JSON, data in hexadecimal
// safetensors_tool copy FILE COPY       reads with our reader and writes with our writer
// safetensors_tool write FILE           writes the tensors that test_safetensors.py knows
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "libs/checkpoint/safetensors.h"

namespace amaes {
namespace {

template <typename T>
std::string Ramp(std::size_t count, double step) {
  std::string bytes(count * sizeof(T), '\0');
  for (std::size_t i = 0; i < count; ++i) {
    const T value = static_cast<T>(static_cast<double>(i) * step);
    std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
  }
  return bytes;
}

absl::Status Write(const std::string& path) {
  const std::string f32 = Ramp<float>(24, -0.25);
  const std::string f64 = Ramp<double>(3, 1e100);
  const std::string i64 = Ramp<std::int64_t>(5, -1e15);
  const std::string u8 = Ramp<std::uint8_t>(7, 30);
  return WriteSafetensors(path,
                          {{"model.encoder.weight", TensorType::kF32, {2, 3, 4}, f32},
                           {"bytes", TensorType::kU8, {7}, u8},
                           {"doubles", TensorType::kF64, {3, 1}, f64},
                           {"longs", TensorType::kI64, {5}, i64},
                           {"scalar", TensorType::kF32, {}, absl::string_view(f32).substr(4, 4)},
                           {"empty", TensorType::kF32, {0, 3}, ""}},
                          {{"writer", "amaes"}});
}

absl::Status Dump(const std::string& path) {
  const absl::StatusOr<SafetensorsFile> file = ReadSafetensors(path);
  if (!file.ok()) return file.status();
  nlohmann::json out = {{"metadata", file->metadata}, {"tensors", nlohmann::json::object()}};
  for (const TensorView& tensor : file->tensors) {
    out["tensors"][tensor.name] = {{"dtype", TensorTypeName(tensor.type)},
                                   {"shape", tensor.shape},
                                   {"data", absl::BytesToHexString(tensor.bytes)}};
  }
  std::printf("%s\n", out.dump().c_str());
  return absl::OkStatus();
}

absl::Status Copy(const std::string& from, const std::string& to) {
  const absl::StatusOr<SafetensorsFile> file = ReadSafetensors(from);
  if (!file.ok()) return file.status();
  return WriteSafetensors(to, file->tensors, file->metadata);
}

absl::Status Run(const std::vector<std::string>& arguments) {
  if (arguments.size() == 2 && arguments[0] == "write") return Write(arguments[1]);
  if (arguments.size() == 2 && arguments[0] == "dump") return Dump(arguments[1]);
  if (arguments.size() == 3 && arguments[0] == "copy") return Copy(arguments[1], arguments[2]);
  return absl::InvalidArgumentError("usage: safetensors_tool write FILE | dump FILE | copy FILE COPY");
}

}  // namespace
}  // namespace amaes

int main(int argc, char** argv) {
  const absl::Status status = amaes::Run(std::vector<std::string>(argv + 1, argv + argc));
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
