// A small network as a TorchScript file: what script_test.py trains. Its encoder is a submodule called backbone.
// Usage: make_script FILE IN OUT WIDTH SEED: channels in, out and between.
#include <ATen/ops/empty.h>
#include <torch/script.h>

#include <cstdio>
#include <exception>
#include <string>

#include "absl/strings/numbers.h"
#include "libs/base/rng.h"

namespace amaes {
namespace {

// Small numbers, so that the first answers are finite and differ.
at::Tensor Drawn(at::IntArrayRef shape, std::uint64_t seed, std::uint64_t position) {
  at::Tensor out = at::empty(shape, at::kFloat);
  RandomStream stream(seed, Purpose::kPhantom, position);
  float* values = out.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < out.numel(); ++i) values[i] = static_cast<float>(0.4 * stream.UniformDouble() - 0.2);
  return out;
}

void Write(const std::string& file, std::int64_t in, std::int64_t out, std::int64_t width, std::uint64_t seed) {
  torch::jit::Module encoder("Encoder");
  encoder.register_parameter("weight", Drawn({width, in, 3, 3, 3}, seed, 0), /*is_buffer=*/false);
  encoder.register_parameter("bias", Drawn({width}, seed, 1), /*is_buffer=*/false);
  encoder.define(R"(
    def forward(self, x):
      return torch.gelu(torch.conv3d(x, self.weight, self.bias, [1, 1, 1], [1, 1, 1]))
  )");
  torch::jit::Module network("Network");
  network.register_module("backbone", encoder);
  network.register_parameter("weight", Drawn({out, width, 1, 1, 1}, seed, 2), /*is_buffer=*/false);
  network.register_parameter("bias", Drawn({out}, seed, 3), /*is_buffer=*/false);
  network.define(R"(
    def forward(self, x):
      return torch.conv3d(self.backbone.forward(x), self.weight, self.bias)
  )");
  network.save(file);
}

}  // namespace
}  // namespace amaes

int main(int argc, char** argv) {
  std::int64_t in = 0, out = 0, width = 0;
  std::uint64_t seed = 0;
  if (argc != 6 || !absl::SimpleAtoi(argv[2], &in) || !absl::SimpleAtoi(argv[3], &out) ||
      !absl::SimpleAtoi(argv[4], &width) || !absl::SimpleAtoi(argv[5], &seed)) {
    std::fprintf(stderr, "usage: make_script FILE IN OUT WIDTH SEED\n");
    return 2;
  }
  try {
    amaes::Write(argv[1], in, out, width, seed);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
