#include "libs/dataset/source/reference_split.h"

#include <numeric>
#include <random>
#include <utility>

namespace amaes {
namespace {

// NumPy's bounded integer, 0 … max: bits under a mask, drawn again while too large.
std::uint32_t Bounded(std::mt19937& generator, std::uint32_t max) {
  std::uint32_t mask = max;
  for (int shift = 1; shift < 32; shift *= 2) mask |= mask >> shift;
  while (true) {
    const auto value = static_cast<std::uint32_t>(generator()) & mask;
    if (value <= max) return value;
  }
}

}  // namespace

std::vector<std::size_t> NumpyPermutation(std::uint32_t seed, std::size_t count) {
  std::mt19937 generator(seed);  // NumPy's RandomState is MT19937, seeded alike
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = count; i-- > 1;) {
    std::swap(order[i], order[Bounded(generator, static_cast<std::uint32_t>(i))]);
  }
  return order;
}

std::set<std::size_t> ReferenceTestPart(std::uint32_t random_state, std::size_t count) {
  const std::vector<std::size_t> order = NumpyPermutation(random_state, count);
  return {order.begin(), order.begin() + static_cast<std::ptrdiff_t>((count + 3) / 4)};
}

}  // namespace amaes
