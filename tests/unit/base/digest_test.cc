#include "libs/base/digest.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "libs/base/files.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"

namespace amaes {
namespace {

std::uint32_t Crc(const std::vector<unsigned char>& bytes) { return Crc32c(bytes.data(), bytes.size()); }
std::uint32_t Crc(absl::string_view text) { return Crc32c(text.data(), text.size()); }

// RFC 3720, appendix B.4.
TEST(Crc32cTest, Rfc3720Vectors) {
  EXPECT_EQ(Crc(std::vector<unsigned char>(32, 0x00)), 0x8A9136AAu);
  EXPECT_EQ(Crc(std::vector<unsigned char>(32, 0xFF)), 0x62A8AB43u);
  std::vector<unsigned char> rising(32), falling(32);
  std::iota(rising.begin(), rising.end(), 0);
  std::iota(falling.rbegin(), falling.rend(), 0);
  EXPECT_EQ(Crc(rising), 0x46DD794Eu);
  EXPECT_EQ(Crc(falling), 0x113FDB5Cu);
  const std::vector<unsigned char> scsi_read = {0x01, 0xC0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                                                0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00,
                                                0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x18, 0x28, 0x00, 0x00, 0x00,
                                                0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
  EXPECT_EQ(Crc(scsi_read), 0xD9963A56u);
  EXPECT_EQ(Crc("123456789"), 0xE3069283u);
  EXPECT_EQ(Crc(""), 0u);
}

TEST(Crc32cTest, ContinuesAtEverySplitAndAlignment) {
  std::string text(67, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 37 + 11);
  const std::uint32_t whole = Crc(text);
  for (std::size_t split = 0; split <= text.size(); ++split) {
    const std::uint32_t first = Crc32c(text.data(), split);
    EXPECT_EQ(Crc32c(text.data() + split, text.size() - split, first), whole) << "split at " << split;
  }
}

// FIPS 180-4 examples.
TEST(Sha256Test, KnownVectors) {
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  Sha256 million;
  for (int i = 0; i < 1000; ++i) million.Update(std::string(1000, 'a'));
  EXPECT_EQ(million.Finish(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256Test, OfAFileEqualsOfItsContent) {
  const TempDir folder;
  const std::string content((1 << 20) + 17, 'x');  // more than one buffer
  ASSERT_OK(files::WriteAtomic(folder.path() / "f", content));
  ASSERT_OK_AND_ASSIGN(const std::string digest, Sha256OfFile(folder.path() / "f"));
  EXPECT_EQ(digest, Sha256Hex(content));
  EXPECT_THAT(Sha256OfFile(folder.path() / "none"), StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace amaes
