#include "libs/tensorboard/event_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "absl/strings/escaping.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "tests/unit/tensorboard/read_events.h"

namespace amaes {
namespace {

using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixMillis(1'700'000'000'250);

// What tensorboard 2.21's own RecordWriter makes of the same bytes.
TEST(FramedEventTest, IsTheRecordThatTensorBoardWrites) {
  EXPECT_EQ(absl::BytesToHexString(FramedEvent("")), "000000000000000029039807d8ea82a2");
  EXPECT_EQ(absl::BytesToHexString(FramedEvent("amaes")), "0500000000000000eab2043e616d616573256d0f71");
}

TEST(EventFileTest, BeginsWithVersionAndStart) {
  TempDir dir;
  ASSERT_OK(EventFile::Create(dir.path() / "events", 42, kNow).status());
  const auto events = ReadEvents(dir.path() / "events");
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].file_version(), "brain.Event:2");
  EXPECT_DOUBLE_EQ(events[0].wall_time(), 1'700'000'000.25);
  EXPECT_EQ(events[1].step(), 42);
  EXPECT_EQ(events[1].session_log().status(), tensorboard::SessionLog::START);
}

TEST(EventFileTest, HoldsScalarsAndImages) {
  TempDir dir;
  absl::StatusOr<EventFile> file = EventFile::Create(dir.path() / "events", 0, kNow);
  ASSERT_OK(file.status());
  ASSERT_OK(file->AddScalars(7, kNow, {{"train/loss_masked", 0.25}, {"train/masked_r2", std::nan("")}}));
  const std::string png("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\4\xd8\0\0\1\2rest", 28);
  ASSERT_OK(file->AddImage(9, kNow, "reconstruction/held_out", png));
  const auto events = ReadEvents(dir.path() / "events");
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[2].step(), 7);
  ASSERT_EQ(events[2].summary().value_size(), 2);
  EXPECT_EQ(events[2].summary().value(0).tag(), "train/loss_masked");
  EXPECT_EQ(events[2].summary().value(0).simple_value(), 0.25f);
  EXPECT_TRUE(std::isnan(events[2].summary().value(1).simple_value()));
  const auto& image = events[3].summary().value(0);
  EXPECT_EQ(image.tag(), "reconstruction/held_out");
  EXPECT_EQ(image.image().width(), 1240);
  EXPECT_EQ(image.image().height(), 258);
  EXPECT_EQ(image.image().encoded_image_string(), png);
}

TEST(EventFileTest, RefusesWhatIsNoPng) {
  TempDir dir;
  absl::StatusOr<EventFile> file = EventFile::Create(dir.path() / "events", 0, kNow);
  ASSERT_OK(file.status());
  const absl::Status status = file->AddImage(3, kNow, "reconstruction/train", std::string(100, 'x'));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(status.message(), HasSubstr("step 3"));
  EXPECT_EQ(ReadEvents(dir.path() / "events").size(), 2u);
}

TEST(EventFileTest, SaysWhereItCannotBe) {
  EXPECT_THAT(EventFile::Create("/nowhere/events", 0, kNow).status(), StatusIs(absl::StatusCode::kNotFound));
  // Every write to this device fails as one to a full disk.
  EXPECT_THAT(EventFile::Create("/dev/full", 0, kNow).status(), StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace amaes
