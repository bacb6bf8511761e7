#include "libs/tensorboard/event_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/digest.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "proto/tensorboard/event.pb.h"

namespace amaes {
namespace {

constexpr char kFileVersion[] = "brain.Event:2";
constexpr char kPngSignature[] = "\x89PNG\r\n\x1a\n";
constexpr std::size_t kPngHeader = 24;  // signature, then length, "IHDR", width, height

void PutLittleEndian(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

// Rotated and shifted, so that a checksum over checksums does not cancel out: TFRecord's rule.
std::uint32_t MaskedCrc(absl::string_view bytes) {
  const std::uint32_t crc = Crc32c(bytes.data(), bytes.size());
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

std::int32_t BigEndian32(absl::string_view bytes) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return static_cast<std::int32_t>(value);
}

tensorboard::Event NewEvent(std::int64_t step, absl::Time now) {
  tensorboard::Event event;
  event.set_wall_time(absl::ToDoubleSeconds(now - absl::UnixEpoch()));
  event.set_step(step);
  return event;
}

}  // namespace

std::string FramedEvent(absl::string_view bytes) {
  std::string out;
  PutLittleEndian(out, bytes.size(), 8);
  PutLittleEndian(out, MaskedCrc(out), 4);
  absl::StrAppend(&out, bytes);
  PutLittleEndian(out, MaskedCrc(bytes), 4);
  return out;
}

absl::StatusOr<EventFile> EventFile::Create(const std::filesystem::path& path, std::int64_t first_step,
                                            absl::Time now) {
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) return files::ErrnoStatus(errno, "open", path);
  EventFile file(path, descriptor);
  tensorboard::Event version = NewEvent(0, now);
  version.set_file_version(kFileVersion);
  AMAES_RETURN_IF_ERROR(file.Append(version.SerializeAsString()));
  tensorboard::Event start = NewEvent(first_step, now);
  start.mutable_session_log()->set_status(tensorboard::SessionLog::START);
  AMAES_RETURN_IF_ERROR(file.Append(start.SerializeAsString()));
  return file;
}

EventFile::EventFile(EventFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)), length_(other.length_) {}

EventFile::~EventFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::Status EventFile::AddScalars(std::int64_t step, absl::Time now, const std::vector<Scalar>& scalars) {
  tensorboard::Event event = NewEvent(step, now);
  for (const auto& [tag, value] : scalars) {
    tensorboard::Summary::Value& scalar = *event.mutable_summary()->add_value();
    scalar.set_tag(tag);
    scalar.set_simple_value(static_cast<float>(value));
  }
  return Append(event.SerializeAsString());
}

absl::Status EventFile::AddImage(std::int64_t step, absl::Time now, const std::string& tag, absl::string_view png) {
  if (png.size() < kPngHeader || !absl::StartsWith(png, kPngSignature)) {
    return absl::InvalidArgumentError(absl::StrCat("image ", tag, " of step ", step, " is no PNG"));
  }
  tensorboard::Event event = NewEvent(step, now);
  tensorboard::Summary::Value& value = *event.mutable_summary()->add_value();
  value.set_tag(tag);
  value.mutable_image()->set_width(BigEndian32(png.substr(16, 4)));
  value.mutable_image()->set_height(BigEndian32(png.substr(20, 4)));
  value.mutable_image()->set_colorspace(3);
  value.mutable_image()->set_encoded_image_string(std::string(png));
  return Append(event.SerializeAsString());
}

absl::Status EventFile::Append(const std::string& event) {
  const std::string record = FramedEvent(event);
  for (std::size_t done = 0; done < record.size();) {
    const ssize_t written =
        pwrite(descriptor_, record.data() + done, record.size() - done, length_ + static_cast<std::int64_t>(done));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const absl::Status status = files::ErrnoStatus(errno, "write", path_);
      // Should this fail too, the next event overwrites what was begun.
      static_cast<void>(!ftruncate(descriptor_, length_));
      return status;
    }
    done += written;
  }
  length_ += static_cast<std::int64_t>(record.size());
  return absl::OkStatus();
}

}  // namespace amaes
