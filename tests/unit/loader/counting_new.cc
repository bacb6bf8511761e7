// operator new that counts. A file of its own, so that no call is inlined.
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace amaes {

std::atomic<std::int64_t> allocations{0}, allocated_bytes{0};

}  // namespace amaes

void* operator new(std::size_t size) {
  amaes::allocations.fetch_add(1, std::memory_order_relaxed);
  amaes::allocated_bytes.fetch_add(static_cast<std::int64_t>(size), std::memory_order_relaxed);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
