// A small DICOM file, byte by byte: an MR slice of 16 × 16 voxels, little endian.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"

namespace amaes {

struct DicomSlice {
  std::string series_uid = "1.2.3.4";
  int instance = 0;
  std::string modality = "MR";
  std::string description = "T1 mprage";
  std::string patient = "P1";
  bool implicit = false;    // value types are left out
  std::size_t padding = 0;  // bytes of a private field in front of the patient
};

inline std::string DicomBytes(const DicomSlice& slice) {
  const auto u16 = [](unsigned v) { return std::string{static_cast<char>(v & 255), static_cast<char>(v >> 8 & 255)}; };
  const auto u32 = [&](std::uint32_t v) { return u16(v & 0xFFFF) + u16(v >> 16); };
  const auto element = [&](bool implicit, unsigned group, unsigned number, const char* type, std::string value) {
    const std::string kind = type;
    const bool is_binary = kind == "OB" || kind == "OW" || kind == "SQ";
    if (value.size() % 2 != 0) value += kind == "UI" || is_binary ? '\0' : ' ';
    const std::string tag = u16(group) + u16(number);
    const auto size = static_cast<std::uint32_t>(value.size());
    if (implicit) return tag + u32(size) + value;
    if (is_binary) return tag + kind + u16(0) + u32(size) + value;
    return tag + kind + u16(size) + value;
  };
  const bool i = slice.implicit;
  const std::string sop = "1.2.840.10008.5.1.4.1.1.4";
  const std::string instance_uid = absl::StrCat(slice.series_uid, ".", slice.instance + 1);
  const std::string meta = element(false, 2, 2, "UI", sop) + element(false, 2, 3, "UI", instance_uid) +
                           element(false, 2, 0x10, "UI", i ? "1.2.840.10008.1.2" : "1.2.840.10008.1.2.1");
  std::string bytes = std::string(128, '\0') + "DICM";
  bytes += element(false, 2, 0, "UL", u32(static_cast<std::uint32_t>(meta.size()))) + meta;
  bytes += element(i, 8, 0x08, "CS", "ORIGINAL\\PRIMARY\\M\\ND") + element(i, 8, 0x16, "UI", sop);
  bytes += element(i, 8, 0x18, "UI", instance_uid) + element(i, 8, 0x20, "DA", "20200102");
  bytes += element(i, 8, 0x30, "TM", "101010") + element(i, 8, 0x60, "CS", slice.modality);
  bytes += element(i, 8, 0x70, "LO", "SIEMENS") + element(i, 8, 0x103E, "LO", slice.description);
  bytes += element(i, 8, 0x1090, "LO", "Prisma");
  // A sequence of undefined length with an item of undefined length, to be stepped over.
  bytes += i ? u16(8) + u16(0x1140) + u32(0xFFFFFFFF) : u16(8) + u16(0x1140) + "SQ" + u16(0) + u32(0xFFFFFFFF);
  bytes += u16(0xFFFE) + u16(0xE000) + u32(0xFFFFFFFF) + element(i, 0x10, 0x20, "LO", "NOT ME") + u16(0xFFFE) +
           u16(0xE00D) + u32(0) + u16(0xFFFE) + u16(0xE0DD) + u32(0);
  if (slice.padding > 0) bytes += element(i, 9, 0x1001, "OB", std::string(slice.padding, 'x'));
  bytes += element(i, 0x10, 0x10, "PN", "X^Y") + element(i, 0x10, 0x20, "LO", slice.patient);
  bytes += element(i, 0x10, 0x40, "CS", "F") + element(i, 0x10, 0x1010, "AS", "034Y");
  bytes +=
      element(i, 0x18, 0x50, "DS", "1") + element(i, 0x18, 0x80, "DS", "2300") + element(i, 0x18, 0x81, "DS", "3.5");
  bytes += element(i, 0x18, 0x87, "DS", "3") + element(i, 0x20, 0x0D, "UI", "1.2.3");
  bytes += element(i, 0x20, 0x0E, "UI", slice.series_uid) + element(i, 0x20, 0x11, "IS", "1");
  bytes += element(i, 0x20, 0x13, "IS", absl::StrCat(slice.instance + 1));
  bytes += element(i, 0x20, 0x32, "DS", absl::StrCat("0\\0\\", slice.instance));
  bytes += element(i, 0x20, 0x37, "DS", "1\\0\\0\\0\\1\\0") + element(i, 0x20, 0x52, "UI", "1.2.3.7");
  bytes += element(i, 0x28, 0x02, "US", u16(1)) + element(i, 0x28, 0x04, "CS", "MONOCHROME2");
  bytes += element(i, 0x28, 0x10, "US", u16(16)) + element(i, 0x28, 0x11, "US", u16(16));
  bytes += element(i, 0x28, 0x30, "DS", "1\\1") + element(i, 0x28, 0x100, "US", u16(16));
  bytes += element(i, 0x28, 0x101, "US", u16(16)) + element(i, 0x28, 0x102, "US", u16(15));
  bytes += element(i, 0x28, 0x103, "US", u16(0));
  std::string voxels;
  for (unsigned v = 0; v < 256; ++v) voxels += u16(v * 3 + static_cast<unsigned>(slice.instance));
  return bytes + element(i, 0x7FE0, 0x10, "OW", voxels);
}

}  // namespace amaes
