#include "libs/transform/noise_field.h"

#include "libs/base/log.h"
#include "libs/transform/kernels.h"

namespace amaes {
namespace {

std::uint64_t FirstWord(std::int64_t field, std::size_t size) {
  AMAES_CHECK(field >= 0 && (field == 0 || size % 4 == 0));
  const std::uint64_t first = static_cast<std::uint64_t>(field) * size;
  AMAES_CHECK((first + size) / 4 < (std::uint64_t{1} << 32));
  return first;
}

}  // namespace

void UniformField(std::uint64_t seed, Purpose purpose, std::int64_t position, std::int64_t field,
                  absl::Span<float> out) {
  FastKernels().uniform(seed, static_cast<std::uint32_t>(purpose), static_cast<std::uint64_t>(position),
                        FirstWord(field, out.size()), static_cast<std::int64_t>(out.size()), out.data());
}

void NormalField(std::uint64_t seed, Purpose purpose, std::int64_t position, std::int64_t field,
                 absl::Span<float> out) {
  FastKernels().normal(seed, static_cast<std::uint32_t>(purpose), static_cast<std::uint64_t>(position),
                       FirstWord(field, out.size()), static_cast<std::int64_t>(out.size()), out.data());
}

}  // namespace amaes
