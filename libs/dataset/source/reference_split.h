// The split of the reference implementation: scikit-learn's train_test_split of n items with a given random_state and a
// quarter held out, on NumPy's legacy generator. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

namespace amaes {

// numpy.random.RandomState(seed).permutation(count).
std::vector<std::size_t> NumpyPermutation(std::uint32_t seed, std::size_t count);

// The indices of the test part, a quarter rounded up.
std::set<std::size_t> ReferenceTestPart(std::uint32_t random_state, std::size_t count);

}  // namespace amaes
