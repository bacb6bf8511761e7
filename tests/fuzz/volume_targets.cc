#include "tests/fuzz/volume_targets.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/escaping.h"
#include "libs/base/files.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/volume/nifti_header.h"
#include "libs/volume/npy.h"
#include "libs/volume/pickle_geometry.h"
#include "libs/volume/safe_pickle.h"
#include "libs/volume/stored_volume.h"
#include "libs/volume/stored_volume_frame.h"
#include "tests/fuzz/targets.h"
#include "tests/unit/volume/nifti_bytes.h"

namespace amaes {
namespace {

constexpr std::int64_t kMaxVoxels = std::int64_t{1} << 29;

void CheckFrame(const std::string& frame) {
  const auto size = static_cast<std::int64_t>(frame.size());
  const ReadAt read = [&](std::int64_t position, std::int64_t count, char* out) {
    Require(position >= 0 && count >= 0 && position <= size && count <= size - position, "reads inside the file");
    std::memcpy(out, frame.data() + position, static_cast<std::size_t>(count));
    return absl::OkStatus();
  };
  const absl::StatusOr<StoredFrame> parsed = ParseFrame(size, read);
  if (!parsed.ok()) return;
  const Shape3 grid = parsed->meta.Grid();
  Require(VoxelCount(grid) == static_cast<std::int64_t>(parsed->chunks.size()), "one chunk per place of the grid");
  for (const StoredChunk& chunk : parsed->chunks) {
    if (chunk.size == 0) continue;
    Require(chunk.position >= 0 && chunk.size > 0 && chunk.position <= size - chunk.size, "chunks inside the file");
  }
}

}  // namespace

void FuzzNiftiHeader(absl::string_view input) {
  if (input.empty()) return;
  const bool is_hdr = (input[0] & 1) != 0;
  const absl::StatusOr<NiftiHeader> header = ParseNiftiHeader(input.substr(1), is_hdr, kMaxVoxels);
  if (!header.ok()) return;
  Require(VoxelCount(header->shape) > 0 && VoxelCount(header->shape) <= kMaxVoxels, "voxels within the limit");
  Require(header->FrameBytes() > 0 && header->frames > 0, "sizes above zero");
  Require(header->data_offset >= 0, "an offset inside the file");
  Require(std::isfinite(header->slope) && std::isfinite(header->intercept), "finite scaling");
  const absl::StatusOr<AxisOrder> axes = ClosestAxes(header->affine);
  if (axes.ok()) Require(axes->axis[0] + axes->axis[1] + axes->axis[2] == 3, "three different axes");
}

std::vector<std::string> NiftiHeaderSeeds() {
  std::vector<std::string> seeds;
  for (const NiftiBytes::Kind kind : {NiftiBytes::kNifti1, NiftiBytes::kNifti2, NiftiBytes::kAnalyze}) {
    for (const bool big_endian : {false, true}) {
      NiftiBytes header(kind, big_endian, {4, 5, 6, 2});
      if (kind != NiftiBytes::kAnalyze) header.Scale(2, 1).Qform(1, 0.1, 0.2, 0.3, 1, 2, 3);
      seeds.push_back((kind == NiftiBytes::kAnalyze ? "\x01" : "\x02") + header.str());
    }
  }
  return seeds;
}

void FuzzStoredFrame(absl::string_view input) {
  std::string frame(input);
  CheckFrame(frame);
  if (SealFrame(frame).ok()) CheckFrame(frame);
}

std::vector<std::string> StoredFrameSeeds() {
  std::vector<std::string> seeds;
  const TempDir folder;
  for (const Shape3& shape : {Shape3{3, 4, 5}, Shape3{20, 17, 18}, Shape3{70, 5, 66}}) {
    Volume volume;
    volume.shape = shape;
    volume.voxels.assign(static_cast<std::size_t>(VoxelCount(shape)), 0);
    for (std::size_t i = 0; i < volume.voxels.size(); i += 3) volume.voxels[i] = static_cast<float>(i % 251) / 7;
    volume.spacing = {1, 1, 2};
    volume.affine = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1};
    if (!WriteStoredVolume(folder.path() / "v.b2nd", volume).ok()) continue;
    const absl::StatusOr<std::string> bytes = files::Read(folder.path() / "v.b2nd");
    if (bytes.ok()) seeds.push_back(*bytes);
  }
  return seeds;
}

void FuzzNpy(absl::string_view input) {
  static const TempDir folder;
  const std::filesystem::path path = folder.path() / "a.npy";
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(input.data(), static_cast<std::streamsize>(input.size()));
  ArrayOptions options;
  options.max_voxels = 1 << 20;
  const absl::StatusOr<ArrayVolume> read = ReadNpy(path, options);
  if (!read.ok()) return;
  Require(VoxelCount(read->volume.shape) == static_cast<std::int64_t>(read->volume.voxels.size()),
          "voxels of the shape");
  for (const float voxel : read->volume.voxels) Require(std::isfinite(voxel), "finite voxels");
}

std::vector<std::string> NpySeeds() {
  std::vector<std::string> seeds;
  for (const char* header : {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1, 2, 2), }",
                             "{'descr': '>i2', 'fortran_order': True, 'shape': (1, 4, 4), }",
                             "{'descr': '|u1', 'fortran_order': False, 'shape': (4, 4, 2), }"}) {
    std::string text = header;
    text.resize(117, ' ');
    text += '\n';
    std::string data(32, '\0');
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i % 4 == 3 ? 0x3f : i);
    seeds.push_back(std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(text.size()) + '\0' + text + data);
  }
  return seeds;
}

void FuzzPickle(absl::string_view input) {
  const absl::StatusOr<nlohmann::json> value = ParsePickle(input);
  if (!value.ok()) return;
  const absl::StatusOr<PickleGeometry> geometry = GeometryOfPickle(*value, {4, 5, 6});
  if (!geometry.ok()) return;
  for (const double spacing : geometry->spacing) Require(std::isfinite(spacing) && spacing > 0, "spacing above zero");
}

// What Python 3.11 with NumPy 2.4 writes of a small dict, of nnU-Net's properties and of yucca's, in protocols 0, 2, 4.
std::vector<std::string> PickleSeeds() {
  return {absl::HexStringToBytes(
              "286470300a56610a70310a286c70320a49310a61462d322e350a614e614930310a615678e90a70330a617356620a70340a28"
              "635f636f646563730a656e636f64650a70350a28565c7530303030ff0a70360a566c6174696e310a70370a7470380a527039"
              "0a28647031300a49330a49340a73747031310a73566e0a7031320a636e756d70792e5f636f72652e6d756c74696172726179"
              "0a7363616c61720a7031330a28636e756d70790a64747970650a7031340a285666340a7031350a4930300a4930310a747031"
              "360a527031370a2849330a563c0a7031380a4e4e4e492d310a492d310a49300a747031390a6267350a28565c75303030305c"
              "7530303030c03f0a7032300a67370a747032310a527032320a747032330a527032340a732e"),
          absl::HexStringToBytes(
              "286470300a567369746b5f73747566660a70310a286470320a5673706163696e670a70330a2846312e300a46312e300a4632"
              "2e300a7470340a73566f726967696e0a70350a2846302e300a46302e300a46302e300a7470360a7356646972656374696f6e"
              "0a70370a2846312e300a46302e300a46302e300a46302e300a46312e300a46302e300a46302e300a46302e300a46312e300a"
              "7470380a737367330a286c70390a46322e300a6146312e300a6146312e300a61735673686170655f6265666f72655f63726f"
              "7070696e670a7031300a2849340a49350a49360a747031310a735662626f785f757365645f666f725f63726f7070696e670a"
              "7031320a286c7031330a286c7031340a49300a6149340a6161286c7031350a49300a6149350a6161286c7031360a49300a61"
              "49360a6161735673686170655f61667465725f63726f7070696e675f616e645f6265666f72655f726573616d706c696e670a"
              "7031370a6731310a732e"),
          absl::HexStringToBytes(
              "80027d71002858010000006171015d7102284b0147c0040000000000004e88580300000078c3a97103655801000000627104"
              "635f636f646563730a656e636f64650a7105580300000000c3bf710658060000006c6174696e3171078671085271097d710a"
              "4b034b047386710b58010000006e710c636e756d70792e5f636f72652e6d756c746961727261790a7363616c61720a710d63"
              "6e756d70790a64747970650a710e58020000006634710f8988877110527111284b0358010000003c71124e4e4e4affffffff"
              "4affffffff4b0074711362680558050000000000c3803f71146807867115527116867117527118752e"),
          absl::HexStringToBytes(
              "80027d710028580a0000007369746b5f737475666671017d710228580700000073706163696e677103473ff0000000000000"
              "473ff000000000000047400000000000000087710458060000006f726967696e710547000000000000000047000000000000"
              "00004700000000000000008771065809000000646972656374696f6e710728473ff000000000000047000000000000000047"
              "0000000000000000470000000000000000473ff0000000000000470000000000000000470000000000000000470000000000"
              "000000473ff00000000000007471087568035d710928474000000000000000473ff0000000000000473ff000000000000065"
              "581500000073686170655f6265666f72655f63726f7070696e67710a4b044b054b0687710b581600000062626f785f757365"
              "645f666f725f63726f7070696e67710c5d710d285d710e284b004b04655d710f284b004b05655d7110284b004b066565582a"
              "00000073686170655f61667465725f63726f7070696e675f616e645f6265666f72655f726573616d706c696e677111680b75"
              "2e"),
          absl::HexStringToBytes(
              "80027d710028580e0000006e696674695f6d6574616461746171017d71022858100000006f726967696e616c5f7370616369"
              "6e677103636e756d70792e5f636f72652e6d756c746961727261790a5f7265636f6e7374727563740a7104636e756d70790a"
              "6e6461727261790a71054b00857106635f636f646563730a656e636f64650a7107580100000062710858060000006c617469"
              "6e31710986710a52710b87710c52710d284b014b0385710e636e756d70790a64747970650a710f5802000000663871108988"
              "877111527112284b0358010000003c71134e4e4e4affffffff4affffffff4b0074711462896807581a000000000000000000"
              "c3b03f000000000000c3b03f0000000000000040711568098671165271177471186258140000006f726967696e616c5f6f72"
              "69656e746174696f6e711958030000004c5053711a580f00000066696e616c5f646972656374696f6e711b58030000005241"
              "53711c5806000000616666696e65711d680468054b0085711e680b87711f527120284b014b044b0486712168128968075884"
              "000000000000000000c3b03f0000000000000000000000000000000000000000000000000000000000000000000000000000"
              "c3b03f0000000000000000000000000000000000000000000000000000000000000000000000000000c3b03f000000000000"
              "0000000000000000000000000000000000000000000000000000000000000000c3b03f712268098671235271247471256258"
              "0600000068656164657271264e580a00000072656f7269656e74656471278875580f00000063726f705f746f5f6e6f6e7a65"
              "726f71285d7129284b004b044b004b054b004b066558080000006e65775f73697a65712a4b044b054b0687712b580d000000"
              "6f726967696e616c5f73697a65712c682b580b0000006e65775f73706163696e67712d5d712e28473ff0000000000000473f"
              "f0000000000000473ff0000000000000655814000000666f726567726f756e645f6c6f636174696f6e73712f5d7130580a00"
              "00006c6162656c5f63635f6e71314b00752e"),
          absl::HexStringToBytes(
              "8004959b000000000000007d94288c0161945d94284b0147c0040000000000004e888c0378c3a994658c016294430200ff94"
              "7d944b034b047386948c016e948c166e756d70792e5f636f72652e6d756c74696172726179948c067363616c61729493948c"
              "056e756d7079948c0564747970659493948c02663494898887945294284b038c013c944e4e4e4affffffff4affffffff4b00"
              "74946243040000c03f9486945294752e"),
          absl::HexStringToBytes(
              "80049568010000000000007d94288c0a7369746b5f7374756666947d94288c0773706163696e6794473ff000000000000047"
              "3ff000000000000047400000000000000087948c066f726967696e9447000000000000000047000000000000000047000000"
              "000000000087948c09646972656374696f6e9428473ff0000000000000470000000000000000470000000000000000470000"
              "000000000000473ff0000000000000470000000000000000470000000000000000470000000000000000473ff00000000000"
              "0074947568035d9428474000000000000000473ff0000000000000473ff0000000000000658c1573686170655f6265666f72"
              "655f63726f7070696e67944b044b054b0687948c1662626f785f757365645f666f725f63726f7070696e67945d94285d9428"
              "4b004b04655d94284b004b05655d94284b004b0665658c2a73686170655f61667465725f63726f7070696e675f616e645f62"
              "65666f72655f726573616d706c696e6794680b752e"),
          absl::HexStringToBytes(
              "8004955f020000000000007d94288c0e6e696674695f6d65746164617461947d94288c106f726967696e616c5f7370616369"
              "6e67948c166e756d70792e5f636f72652e6d756c74696172726179948c0c5f7265636f6e7374727563749493948c056e756d"
              "7079948c076e6461727261799493944b0085944301629487945294284b014b03859468078c0564747970659493948c026638"
              "94898887945294284b038c013c944e4e4e4affffffff4affffffff4b00749462894318000000000000f03f000000000000f0"
              "3f0000000000000040947494628c146f726967696e616c5f6f7269656e746174696f6e948c034c5053948c0f66696e616c5f"
              "646972656374696f6e948c03524153948c06616666696e6594680668094b008594680b87945294284b014b044b0486946813"
              "894380000000000000f03f0000000000000000000000000000000000000000000000000000000000000000000000000000f0"
              "3f0000000000000000000000000000000000000000000000000000000000000000000000000000f03f000000000000000000"
              "0000000000000000000000000000000000000000000000000000000000f03f947494628c06686561646572944e8c0a72656f"
              "7269656e7465649488758c0f63726f705f746f5f6e6f6e7a65726f945d94284b004b044b004b054b004b06658c086e65775f"
              "73697a65944b044b054b0687948c0d6f726967696e616c5f73697a659468288c0b6e65775f73706163696e67945d9428473f"
              "f0000000000000473ff0000000000000473ff0000000000000658c14666f726567726f756e645f6c6f636174696f6e73945d"
              "948c0a6c6162656c5f63635f6e944b00752e")};
}

}  // namespace amaes
