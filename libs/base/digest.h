// Digests: SHA-256 proves content, CRC-32C finds damage.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace amaes {

// Incremental SHA-256 (FIPS 180-4, through OpenSSL). Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void Update(absl::string_view bytes);
  void Update(const void* data, std::size_t size);
  // 64 lower-case hexadecimal digits. Call once.
  std::string Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

std::string Sha256Hex(absl::string_view bytes);
// Errors as files::Read.
absl::StatusOr<std::string> Sha256OfFile(const std::filesystem::path& path);

// CRC-32C (Castagnoli, reflected, as in RFC 3720). `crc` continues an earlier result.
std::uint32_t Crc32c(const void* data, std::size_t size, std::uint32_t crc = 0);

}  // namespace amaes
