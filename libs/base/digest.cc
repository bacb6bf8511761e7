#include "libs/base/digest.h"

#include <errno.h>
#include <openssl/evp.h>

#include <array>
#include <fstream>
#include <vector>

#include "absl/strings/escaping.h"
#include "libs/base/files.h"
#include "libs/base/log.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace amaes {

struct Sha256::Impl {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~Impl() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : impl_(std::make_unique<Impl>()) {
  AMAES_CHECK(EVP_DigestInit_ex(impl_->context, EVP_sha256(), nullptr) == 1);
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Update(absl::string_view bytes) { Update(bytes.data(), bytes.size()); }
void Sha256::Update(const void* data, std::size_t size) {
  AMAES_CHECK(EVP_DigestUpdate(impl_->context, data, size) == 1);
}

std::string Sha256::Finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned int size = 0;
  AMAES_CHECK(EVP_DigestFinal_ex(impl_->context, out.data(), &size) == 1);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(out.data()), size));
}

std::string Sha256Hex(absl::string_view bytes) {
  Sha256 sha;
  sha.Update(bytes);
  return sha.Finish();
}

absl::StatusOr<std::string> Sha256OfFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return files::ErrnoStatus(errno, "cannot open", path);
  Sha256 sha;
  std::vector<char> buffer(1 << 20);
  while (in) {
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    sha.Update(buffer.data(), static_cast<std::size_t>(in.gcount()));
  }
  if (in.bad()) return files::ErrnoStatus(errno, "cannot read", path);
  return sha.Finish();
}

namespace {

// Byte-wise table for the reflected polynomial 0x82F63B78.
constexpr std::array<std::uint32_t, 256> MakeTable() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1u) ? (value >> 1) ^ 0x82F63B78u : value >> 1;
    table[i] = value;
  }
  return table;
}

std::uint32_t Portable(const unsigned char* data, std::size_t size, std::uint32_t state) {
  static constexpr auto kTable = MakeTable();
  for (std::size_t i = 0; i < size; ++i) state = kTable[(state ^ data[i]) & 0xFFu] ^ (state >> 8);
  return state;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t Hardware(const unsigned char* data, std::size_t size,
                                                         std::uint32_t state) {
  std::uint64_t wide = state;
  for (; size >= 8; size -= 8, data += 8) {
    std::uint64_t word = 0;
    __builtin_memcpy(&word, data, 8);
    wide = _mm_crc32_u64(wide, word);
  }
  state = static_cast<std::uint32_t>(wide);
  for (; size > 0; --size, ++data) state = _mm_crc32_u8(state, *data);
  return state;
}
#endif

}  // namespace

std::uint32_t Crc32c(const void* data, std::size_t size, std::uint32_t crc) {
  const auto* bytes = static_cast<const unsigned char*>(data);
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return ~Hardware(bytes, size, ~crc);
#endif
  return ~Portable(bytes, size, ~crc);
}

}  // namespace amaes
