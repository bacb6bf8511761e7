#include "libs/checkpoint/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"

namespace amaes {
namespace {

using ::testing::HasSubstr;

std::string WithHeader(const std::string& header, const std::string& data) {
  std::string out(8, '\0');
  const std::uint64_t size = header.size();
  std::memcpy(out.data(), &size, 8);
  return out + header + data;
}

TEST(Safetensors, RoundTrips) {
  const TempDir dir;
  const std::vector<float> floats = {1.5f, -2.0f, 0.0f, 3.25f, 1e-30f, -0.0f};
  const std::string bytes(reinterpret_cast<const char*>(floats.data()), 24);
  const std::vector<TensorView> tensors = {{"model.w", TensorType::kF32, {2, 3}, bytes},
                                           {"scalar", TensorType::kF64, {}, absl::string_view(bytes).substr(0, 8)},
                                           {"half", TensorType::kBF16, {3}, absl::string_view(bytes).substr(0, 6)},
                                           {"none", TensorType::kF32, {0, 5}, ""},
                                           {"long", TensorType::kI64, {1}, absl::string_view(bytes).substr(0, 8)},
                                           {"ünicode \"quoted\"", TensorType::kU8, {1}, "x"}};
  const std::map<std::string, std::string> metadata = {{"format", "pt"}, {"ä", "\n"}};
  ASSERT_OK(WriteSafetensors(dir.path() / "t", tensors, metadata));
  ASSERT_OK_AND_ASSIGN(SafetensorsFile read, ReadSafetensors(dir.path() / "t"));
  const SafetensorsFile file = std::move(read);  // views survive a move
  EXPECT_EQ(file.metadata, metadata);
  ASSERT_EQ(file.tensors.size(), tensors.size());
  for (const TensorView& wanted : tensors) {
    const TensorView* found = file.Find(wanted.name);
    ASSERT_NE(found, nullptr) << wanted.name;
    EXPECT_EQ(found->type, wanted.type);
    EXPECT_EQ(found->shape, wanted.shape);
    EXPECT_EQ(found->bytes, wanted.bytes);
  }
  EXPECT_EQ(file.tensors[0].name, "model.w");
  EXPECT_EQ(file.Find("other"), nullptr);
  ASSERT_OK_AND_ASSIGN(const SafetensorsFile header, ReadSafetensorsHeader(dir.path() / "t"));
  EXPECT_EQ(header.metadata, metadata);
  ASSERT_EQ(header.tensors.size(), tensors.size());
  for (const TensorView& tensor : header.tensors) {
    EXPECT_EQ(tensor.shape, file.Find(tensor.name)->shape);
    EXPECT_EQ(tensor.type, file.Find(tensor.name)->type);
  }
}

TEST(Safetensors, AHeaderThatDoesNotFitItsFileIsRefused) {
  const TempDir dir;
  const std::string good = WithHeader(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", "abcd");
  ASSERT_OK(files::WriteAtomic(dir.path() / "t", good));
  EXPECT_OK(ReadSafetensorsHeader(dir.path() / "t"));
  for (const std::size_t size : {good.size() - 1, std::size_t{20}, std::size_t{7}, std::size_t{0}}) {
    ASSERT_OK(files::WriteAtomic(dir.path() / "t", good.substr(0, size)));
    EXPECT_THAT(ReadSafetensorsHeader(dir.path() / "t"), StatusIs(absl::StatusCode::kDataLoss)) << size;
  }
  EXPECT_THAT(ReadSafetensorsHeader(dir.path() / "none"), StatusIs(absl::StatusCode::kNotFound));
}

TEST(Safetensors, TheDataBeginsAtAMultipleOfEight) {
  const TempDir dir;
  for (int length = 1; length < 20; ++length) {
    ASSERT_OK(WriteSafetensors(dir.path() / "t",
                               {{std::string(static_cast<std::size_t>(length), 'n'), TensorType::kU8, {1}, "x"}}));
    ASSERT_OK_AND_ASSIGN(const std::string content, files::Read(dir.path() / "t"));
    EXPECT_EQ((content.size() - 1) % 8, 0u);
    EXPECT_OK(ReadSafetensors(dir.path() / "t"));
  }
}

TEST(Safetensors, AFileWithoutTensors) {
  const TempDir dir;
  ASSERT_OK(WriteSafetensors(dir.path() / "t", {}));
  ASSERT_OK_AND_ASSIGN(const SafetensorsFile file, ReadSafetensors(dir.path() / "t"));
  EXPECT_TRUE(file.tensors.empty());
}

TEST(Safetensors, TheWriterRefusesWhatDoesNotFit) {
  const TempDir dir;
  const auto write = [&](const std::vector<TensorView>& tensors) {
    return WriteSafetensors(dir.path() / "t", tensors);
  };
  EXPECT_THAT(write({{"a", TensorType::kU8, {1}, "x"}, {"a", TensorType::kU8, {1}, "y"}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("taken")));
  EXPECT_THAT(write({{"a", TensorType::kF32, {1}, "xy"}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("shape (1) of F32")));
  EXPECT_THAT(write({{"a", TensorType::kF32, {-1}, ""}}), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(write({{"a", TensorType::kF64, {std::int64_t{1} << 40, std::int64_t{1} << 40}, ""}}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(write({{"__metadata__", TensorType::kU8, {1}, "x"}}), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(write({{"\xff", TensorType::kU8, {1}, "x"}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("UTF-8")));
  EXPECT_FALSE(std::filesystem::exists(dir.path() / "t"));
  EXPECT_THAT(WriteSafetensors(dir.path() / "none" / "t", {}), StatusIs(absl::StatusCode::kNotFound));
}

TEST(Safetensors, FilesThatAreNotThere) {
  const TempDir dir;
  EXPECT_THAT(ReadSafetensors(dir.path() / "none"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(ReadSafetensors(dir.path()), StatusIs(absl::StatusCode::kUnavailable));
}

TEST(Safetensors, HostileFramesAreDamage) {
  const auto expect_damage = [](std::string content, const std::string& part) {
    EXPECT_THAT(ParseSafetensors(std::move(content), "f"), StatusIs(absl::StatusCode::kDataLoss, HasSubstr(part)));
  };
  expect_damage("", "too short");
  expect_damage("1234567", "too short");
  expect_damage(std::string(8, '\0'), "does not begin with {");
  expect_damage(std::string(8, '\xff') + "{}", "does not fit");
  expect_damage(std::string("\x03\0\0\0\0\0\0\0{}", 10), "does not fit");
  expect_damage(std::string("\xff\xe0\xf5\x05\0\0\0\0{}", 10), "does not fit");
  expect_damage(WithHeader("[]", ""), "does not begin with {");
  expect_damage(WithHeader(" {}", ""), "does not begin with {");
  expect_damage(WithHeader("{", ""), "not JSON");
  expect_damage(WithHeader("{} x", ""), "not JSON");
  expect_damage(WithHeader("{\"a\": \xff}", ""), "not JSON");
  expect_damage(WithHeader("{\"\xc3\": 1}", ""), "not JSON");
  expect_damage(WithHeader("{\"a\":" + std::string(100000, '[') + "}", ""), "not JSON");
  expect_damage(WithHeader("{}", "x"), "the data has 1 bytes");
}

struct HostileEntry {
  const char* entries;
  std::size_t data_bytes;
  const char* message;
};

TEST(Safetensors, HostileEntriesAreDamage) {
  const HostileEntry cases[] = {
      {R"("a": 1)", 0, "not an object of dtype"},
      {R"("a": {"dtype":"U8","shape":[1]})", 1, "not an object of dtype"},
      {R"("a": {"dtype":"U8","shape":[1],"data_offsets":[0,1],"more":1})", 1, "not an object of dtype"},
      {R"("a": {"dtype":"U8","shape":[1],"offsets":[0,1]})", 1, "not an object of dtype"},
      {R"("a": {"dtype":"F13","shape":[1],"data_offsets":[0,1]})", 1, "type \"F13\" is none of"},
      {R"("a": {"dtype":1,"shape":[1],"data_offsets":[0,1]})", 1, "type is not a text"},
      {R"("a": {"dtype":"U8","shape":1,"data_offsets":[0,1]})", 1, "shape is not a list"},
      {R"("a": {"dtype":"U8","shape":[-1],"data_offsets":[0,1]})", 1, "not a natural number"},
      {R"("a": {"dtype":"U8","shape":[1.0],"data_offsets":[0,1]})", 1, "not a natural number"},
      {R"("a": {"dtype":"U8","shape":["1"],"data_offsets":[0,1]})", 1, "not a natural number"},
      {R"("a": {"dtype":"U8","shape":[1],"data_offsets":[0]})", 1, "not a list of two"},
      {R"("a": {"dtype":"U8","shape":[1],"data_offsets":[0,2]})", 1, "do not lie in the data"},
      {R"("a": {"dtype":"U8","shape":[1],"data_offsets":[1,0]})", 1, "do not lie in the data"},
      {R"("a": {"dtype":"U8","shape":[1],"data_offsets":[-1,0]})", 1, "do not lie in the data"},
      {R"("a": {"dtype":"U8","shape":[1],"data_offsets":[0,18446744073709551615]})", 1, "do not lie in the data"},
      {R"("a": {"dtype":"F32","shape":[1],"data_offsets":[0,1]})", 1, "does not have the 1 bytes"},
      {R"("a": {"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,1]})", 1, "does not have the 1 bytes"},
      {R"("a": {"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]})", 0, "does not have the 0 bytes"},
      {R"("a": {"dtype":"U8","shape":[2],"data_offsets":[0,2]}, "b": {"dtype":"U8","shape":[2],"data_offsets":[1,3]})",
       3, "inside the one before"},
      {R"("a": {"dtype":"U8","shape":[1],"data_offsets":[0,1]}, "b": {"dtype":"U8","shape":[1],"data_offsets":[0,1]})",
       1, "inside the one before"},
      {R"("a": {"dtype":"U8","shape":[1],"data_offsets":[0,1]}, "b": {"dtype":"U8","shape":[1],"data_offsets":[2,3]})",
       3, "after a hole"},
      {R"("a": {"dtype":"U8","shape":[1],"data_offsets":[1,2]})", 2, "after a hole"},
      {R"("a": {"dtype":"U8","shape":[1],"data_offsets":[0,1]})", 2, "but the data has 2 bytes"},
      {R"("a": {"dtype":"U8","shape":[1],"data_offsets":[0,1]}, "a": {"dtype":"U8","shape":[1],"data_offsets":[1,2]})",
       2, "twice"},
      {R"("a": {"dtype":"U8","dtype":"F32","shape":[1],"data_offsets":[0,4]})", 4, "twice"},
      {R"("__metadata__": 5)", 0, "metadata is not"},
      {R"("__metadata__": {"a": 5})", 0, "metadata \"a\" is not a text"},
  };
  for (const HostileEntry& entry : cases) {
    EXPECT_THAT(
        ParseSafetensors(WithHeader(absl::StrCat("{", entry.entries, "}"), std::string(entry.data_bytes, 'x')), "f"),
        StatusIs(absl::StatusCode::kDataLoss, HasSubstr(entry.message)))
        << entry.entries;
  }
}

// There is no checksum in the format, so a changed byte may go unseen here; but it never does harm.
TEST(Safetensors, NoChangedOrMissingByteDoesHarm) {
  const TempDir dir;
  ASSERT_OK(WriteSafetensors(dir.path() / "t",
                             {{"a", TensorType::kF32, {1, 2}, "12345678"}, {"b", TensorType::kU8, {3}, "123"}},
                             {{"k", "v"}}));
  ASSERT_OK_AND_ASSIGN(const std::string good, files::Read(dir.path() / "t"));
  for (std::size_t i = 0; i < good.size(); ++i) {
    EXPECT_THAT(ParseSafetensors(good.substr(0, i), "f"), StatusIs(absl::StatusCode::kDataLoss));
    for (int value = 0; value < 256; ++value) {
      std::string bad = good;
      bad[i] = static_cast<char>(value);
      const auto file = ParseSafetensors(std::move(bad), "f");
      if (file.ok()) {
        for (const TensorView& tensor : file->tensors) EXPECT_LE(tensor.bytes.size(), good.size());
      } else {
        EXPECT_THAT(file, StatusIs(absl::StatusCode::kDataLoss));
      }
    }
  }
}

}  // namespace
}  // namespace amaes
