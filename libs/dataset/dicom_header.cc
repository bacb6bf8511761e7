#include "libs/dataset/dicom_header.h"

#include <array>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"

namespace amaes {
namespace {

constexpr std::size_t kPreambleBytes = 128;
constexpr std::uint32_t kUndefinedLength = 0xFFFFFFFF;
constexpr std::size_t kMaxValueBytes = 256;
// Sequences inside sequences.
constexpr int kMaxDepth = 16;

constexpr absl::string_view kImplicitLittle = "1.2.840.10008.1.2";
constexpr absl::string_view kDeflated = "1.2.840.10008.1.2.1.99";
constexpr absl::string_view kExplicitBig = "1.2.840.10008.1.2.2";

struct Field {
  std::uint32_t tag;
  std::string DicomHeader::*member;
};
constexpr std::array kFields = {
    Field{0x00020002, &DicomHeader::sop_class},
    Field{0x00080016, &DicomHeader::sop_class},
    Field{0x00080020, &DicomHeader::study_date},
    Field{0x00080060, &DicomHeader::modality},
    Field{0x00080070, &DicomHeader::manufacturer},
    Field{0x0008103E, &DicomHeader::series_description},
    Field{0x00081090, &DicomHeader::scanner},
    Field{0x00100020, &DicomHeader::patient},
    Field{0x00100040, &DicomHeader::sex},
    Field{0x00101010, &DicomHeader::age},
    Field{0x00180080, &DicomHeader::repetition_time_ms},
    Field{0x00180081, &DicomHeader::echo_time_ms},
    Field{0x00180087, &DicomHeader::field_strength_t},
    Field{0x0020000E, &DicomHeader::series_uid},
};
// The last field above; elements are sorted, so nothing behind it is looked at.
constexpr std::uint32_t kLastTag = 0x0020000E;
constexpr std::uint32_t kTransferSyntaxTag = 0x00020010;

struct Element {
  std::uint32_t tag = 0;
  std::uint32_t length = 0;
};

class Reader {
 public:
  explicit Reader(absl::string_view bytes) : bytes_(bytes) {}

  std::size_t left() const { return bytes_.size() - at_; }
  void set_explicit(bool is_explicit) { explicit_ = is_explicit; }

  std::uint32_t PeekTag() const { return left() < 4 ? 0 : std::uint32_t{U16(at_)} << 16 | U16(at_ + 2); }

  // False at the end of what was read.
  bool Next(Element& element) {
    if (left() < 8) return false;
    element.tag = PeekTag();
    at_ += 4;
    const bool is_item = (element.tag >> 16) == 0xFFFE;
    if (!explicit_ || is_item) {
      element.length = U32(at_);
      at_ += 4;
      return true;
    }
    const absl::string_view type = bytes_.substr(at_, 2);
    at_ += 4;
    for (const char* long_type : {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}) {
      if (type != long_type) continue;
      if (left() < 4) return false;
      element.length = U32(at_);
      at_ += 4;
      return true;
    }
    element.length = U16(at_ - 2);
    return true;
  }

  // The value of an element, at most `kMaxValueBytes` of it; steps behind it. False at the end.
  bool Value(const Element& element, std::string& value) {
    if (element.length == kUndefinedLength) return SkipItems(0);
    if (element.length > left()) return false;
    const absl::string_view raw = bytes_.substr(at_, std::min<std::size_t>(element.length, kMaxValueBytes));
    at_ += element.length;
    value.clear();
    for (const char c : raw) {
      if (c != '\0') value += c;
    }
    value = std::string(absl::StripAsciiWhitespace(value));
    return true;
  }

 private:
  std::uint16_t U16(std::size_t at) const { return static_cast<std::uint16_t>(Byte(at) | Byte(at + 1) << 8); }
  std::uint32_t U32(std::size_t at) const { return std::uint32_t{U16(at)} | std::uint32_t{U16(at + 2)} << 16; }
  unsigned Byte(std::size_t at) const { return static_cast<unsigned char>(bytes_[at]); }

  // The items of a sequence of undefined length, up to its end mark.
  bool SkipItems(int depth) {
    if (depth > kMaxDepth) return false;
    Element item;
    while (Next(item)) {
      if (item.tag == 0xFFFEE0DD) return true;
      if (item.tag != 0xFFFEE000) return false;
      if (item.length != kUndefinedLength) {
        if (item.length > left()) return false;
        at_ += item.length;
        continue;
      }
      if (!SkipElements(depth + 1)) return false;
    }
    return false;
  }

  // The elements of an item of undefined length, up to its end mark.
  bool SkipElements(int depth) {
    Element element;
    while (Next(element)) {
      if (element.tag == 0xFFFEE00D) return true;
      if (element.length == kUndefinedLength) {
        if (!SkipItems(depth)) return false;
      } else {
        if (element.length > left()) return false;
        at_ += element.length;
      }
    }
    return false;
  }

  const absl::string_view bytes_;
  std::size_t at_ = kPreambleBytes + 4;
  bool explicit_ = true;
};

}  // namespace

bool IsDicom(absl::string_view bytes) {
  return bytes.size() >= kPreambleBytes + 4 && bytes.substr(kPreambleBytes, 4) == "DICM";
}

DicomHeader ParseDicomHeader(absl::string_view bytes) {
  DicomHeader header;
  if (!IsDicom(bytes)) return header;
  Reader reader(bytes);
  std::string syntax, value;
  bool in_meta = true;
  while (true) {
    // The file's own group is always explicit; what follows is as the transfer syntax says.
    if (in_meta && reader.PeekTag() >> 16 != 0x0002) {
      in_meta = false;
      if (syntax == kDeflated || syntax == kExplicitBig) return header;
      reader.set_explicit(syntax != kImplicitLittle);
    }
    Element element;
    if (!reader.Next(element) || element.tag > kLastTag || !reader.Value(element, value)) return header;
    if (element.tag == kTransferSyntaxTag) syntax = value;
    for (const Field& field : kFields) {
      if (field.tag == element.tag && element.length != kUndefinedLength) header.*field.member = value;
    }
  }
}

}  // namespace amaes
